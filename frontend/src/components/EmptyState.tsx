import type { ReactNode } from "react";

import classes from "./EmptyState.module.css";

interface Props {
  title: string;
  /** Why it is empty and what would fill it. */
  children?: ReactNode;
  action?: ReactNode;
}

export function EmptyState({ title, children, action }: Props) {
  return (
    <div className={classes.empty}>
      <p className={classes.title}>{title}</p>
      {children && <div className={classes.words}>{children}</div>}
      {action && <div className={classes.action}>{action}</div>}
    </div>
  );
}
