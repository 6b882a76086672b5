import { Link } from "@tanstack/react-router";

import classes from "../people/-people.module.css";

const TABS = [
  { to: "/audit", label: "Events" },
  { to: "/audit/verify", label: "Verify and export" },
] as const;

export function AuditTabs() {
  return (
    <nav aria-label="Audit" className={classes.tabs}>
      {TABS.map(({ to, label }) => (
        <Link
          key={to}
          to={to}
          className={classes.tab}
          activeOptions={{ exact: true, includeSearch: false }}
          activeProps={{ "aria-current": "page" }}
        >
          {label}
        </Link>
      ))}
    </nav>
  );
}
