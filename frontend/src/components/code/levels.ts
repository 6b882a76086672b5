/** How grave a finding is, for code and for outputs alike. */

import type { Level } from "@/api/code";
import type { IconName } from "@/components/Icon";
import type { Tone } from "@/components/StateBadge";

export const LEVELS: readonly Level[] = ["alarm", "warning", "note"];

export const LEVEL_LOOK: Record<Level, { one: string; many: string; tone: Tone; icon: IconName }> = {
  alarm: { one: "Alarm", many: "Alarms", tone: "bad", icon: "alert" },
  warning: { one: "Warning", many: "Warnings", tone: "wait", icon: "alert" },
  note: { one: "Note", many: "Notes", tone: "quiet", icon: "info" },
};
