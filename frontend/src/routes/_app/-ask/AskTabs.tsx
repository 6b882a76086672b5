import { Link } from "@tanstack/react-router";

import classes from "@/components/PageTabs.module.css";

/** The ways to ask. */
export function AskTabs() {
  return (
    <nav aria-label="Ways to ask" className={classes.tabs}>
      <Link
        to="/ask"
        className={classes.tab}
        activeOptions={{ exact: true, includeSearch: false }}
        activeProps={{ "aria-current": "page" }}
      >
        A question
      </Link>
      <Link
        to="/ask/code"
        className={classes.tab}
        activeOptions={{ includeSearch: false }}
        activeProps={{ "aria-current": "page" }}
      >
        Write code
      </Link>
      <Link
        to="/ask/black-box"
        className={classes.tab}
        activeOptions={{ includeSearch: false }}
        activeProps={{ "aria-current": "page" }}
      >
        Black box
      </Link>
    </nav>
  );
}
