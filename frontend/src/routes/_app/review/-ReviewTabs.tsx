import { Link } from "@tanstack/react-router";

import classes from "@/components/PageTabs.module.css";

const TABS = [
  { to: "/review", label: "Requests" },
  { to: "/review/outputs", label: "Outputs" },
] as const;

/** What waits for people: requests before they run, and what code returned after. */
export function ReviewTabs() {
  return (
    <nav aria-label="What to review" className={classes.tabs}>
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
