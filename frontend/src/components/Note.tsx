import type { ReactNode } from "react";

import { Icon, type IconName } from "./Icon";
import classes from "./Note.module.css";
import type { Tone } from "./StateBadge";

const ICONS: Record<Tone, IconName> = {
  good: "check",
  wait: "alert",
  bad: "alert",
  info: "info",
  quiet: "info",
};

/** A remark beside content: what to know before going on. */
export function Note({ tone = "info", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <div className={classes.note} data-tone={tone} role="note">
      <Icon name={ICONS[tone]} size={20} />
      <div>{children}</div>
    </div>
  );
}
