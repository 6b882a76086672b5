import { Link } from "@tanstack/react-router";

import classes from "@/components/PageTabs.module.css";

const TABS = [
  { to: "/people", label: "Everybody" },
  { to: "/people/groups", label: "Groups" },
  { to: "/people/invitations", label: "Invitations", owner: true },
] as const;

/** The lists about people, one beside the other. Only owners see invitations. */
export function PeopleTabs({ owner }: { owner: boolean }) {
  return (
    <nav aria-label="Lists of people" className={classes.tabs}>
      {TABS.filter((tab) => owner || !("owner" in tab)).map(({ to, label }) => (
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
