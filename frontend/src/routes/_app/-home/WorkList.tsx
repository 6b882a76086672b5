import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { components } from "@/api/schema";
import { Time } from "@/components/Time";
import classes from "./home.module.css";

type WorkItem = components["schemas"]["WorkItem"];

/** Things to go to, each with its time. */
export function WorkList({ items, empty }: { items: readonly WorkItem[]; empty: ReactNode }) {
  if (items.length === 0) return empty;
  return (
    <ul className={classes.list}>
      {items.map((item) => (
        <li key={`${item.kind}:${item.subject}:${item.at}`}>
          <Link to={item.link} className={classes.item}>
            <span>
              {item.title}
              {item.body && <span className={classes.body}>{item.body}</span>}
            </span>
            <span className={classes.at}>
              <Time at={item.at} />
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
