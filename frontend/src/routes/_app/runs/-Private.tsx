import type { ReactNode } from "react";

import { Icon } from "@/components/Icon";
import classes from "./-Private.module.css";

/** Says that what follows is for owners and auditors alone. */
export function PrivateMark({ children }: { children: ReactNode }) {
  return (
    <p className={classes.mark}>
      <Icon name="lock" size={16} />
      <span>{children}</span>
    </p>
  );
}
