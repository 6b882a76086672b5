import { Link } from "@tanstack/react-router";

import type { components } from "@/api/schema";
import type { Role } from "@/api/session";
import { formatCount } from "@/lib/format";
import { can } from "@/lib/roles";
import classes from "./home.module.css";

type HomeCounts = components["schemas"]["HomeCounts"];

const MOST = 1000;

/** The figures of the day, each a way to the list behind it. */
export function Counts({ counts, role }: { counts: HomeCounts; role: Role }) {
  return (
    <ul className={classes.counts} aria-label="At a glance">
      {can(role, "review") && (
        <Count to="/review" value={counts.to_review} one="to review" many="to review" tone="wait" />
      )}
      {can(role, "ask") && (
        <Count
          to="/requests"
          value={counts.mine_open}
          one="question of yours open"
          many="questions of yours open"
        />
      )}
      <Count
        to="/notifications"
        value={counts.unread}
        one="unread notification"
        many="unread notifications"
      />
      <Count
        to="/runs"
        value={counts.failed_runs}
        one="run failed in 30 days"
        many="runs failed in 30 days"
        tone="bad"
      />
      {counts.overran_runs !== null && (
        <Count
          to="/runs"
          value={counts.overran_runs}
          one="run overran in 30 days"
          many="runs overran in 30 days"
          tone="wait"
        />
      )}
    </ul>
  );
}

interface Props {
  to: string;
  value: number;
  one: string;
  many: string;
  /** How it looks when it is not nought. */
  tone?: "wait" | "bad";
}

function Count({ to, value, one, many, tone }: Props) {
  return (
    <li>
      <Link to={to} className={classes.count} data-tone={value > 0 ? tone : undefined}>
        <span className={classes.figure}>
          {formatCount(value)}
          {value >= MOST ? "+" : ""}
        </span>{" "}
        <span className={classes.figureLabel}>{value === 1 ? one : many}</span>
      </Link>
    </li>
  );
}
