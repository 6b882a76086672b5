import { Icon, type IconName } from "./Icon";
import classes from "./StateBadge.module.css";

export type Tone = "good" | "wait" | "bad" | "info" | "quiet";

interface Look {
  label: string;
  tone: Tone;
  icon: IconName;
}

const REQUEST: Record<string, Look> = {
  submitted: { label: "Waiting for review", tone: "wait", icon: "clock" },
  changes_requested: { label: "Changes asked for", tone: "wait", icon: "back" },
  approved: { label: "Approved", tone: "good", icon: "check" },
  over_budget: { label: "Over budget", tone: "bad", icon: "alert" },
  queued: { label: "Approved and sent", tone: "good", icon: "check" },
  rejected: { label: "Rejected", tone: "bad", icon: "close" },
  withdrawn: { label: "Withdrawn", tone: "quiet", icon: "stop" },
  expired: { label: "Expired", tone: "quiet", icon: "stop" },
};

const RUN: Record<string, Look> = {
  queued: { label: "Waiting to run", tone: "wait", icon: "clock" },
  claimed: { label: "Starting", tone: "info", icon: "play" },
  running: { label: "Running", tone: "info", icon: "play" },
  succeeded: { label: "Answered", tone: "good", icon: "check" },
  failed: { label: "Failed", tone: "bad", icon: "close" },
  cancelled: { label: "Cancelled", tone: "quiet", icon: "stop" },
  expired: { label: "Expired", tone: "quiet", icon: "stop" },
};

const VERSION: Record<string, Look> = {
  uploading: { label: "Uploading", tone: "info", icon: "upload" },
  ingesting: { label: "Being read in", tone: "info", icon: "play" },
  ready: { label: "Ready", tone: "good", icon: "check" },
  failed: { label: "Failed", tone: "bad", icon: "close" },
  cancelled: { label: "Cancelled", tone: "quiet", icon: "stop" },
};

const OUTPUT: Record<string, Look> = {
  held: { label: "Under review", tone: "wait", icon: "lock" },
  released: { label: "Released", tone: "good", icon: "check" },
  withheld: { label: "Withheld", tone: "bad", icon: "stop" },
};

const INVITATION: Record<string, Look> = {
  pending: { label: "Waiting to be accepted", tone: "wait", icon: "clock" },
  accepted: { label: "Accepted", tone: "good", icon: "check" },
  revoked: { label: "Withdrawn", tone: "quiet", icon: "stop" },
  expired: { label: "Expired", tone: "quiet", icon: "stop" },
};

const MACHINES = {
  request: REQUEST,
  run: RUN,
  version: VERSION,
  output: OUTPUT,
  invitation: INVITATION,
};

interface Props {
  of: keyof typeof MACHINES;
  state: string;
}

/** A state in words, colour and shape: none of them carries it alone. */
export function StateBadge({ of, state }: Props) {
  const look = MACHINES[of][state] ?? {
    label: state.replaceAll("_", " "),
    tone: "quiet",
    icon: "info",
  };
  return <Badge {...look} />;
}

/** The words of a state, for a filter's choices. */
export function stateLabel(of: keyof typeof MACHINES, state: string): string {
  return MACHINES[of][state]?.label ?? state;
}

/** Whatever else is worth a badge: "Owner", "Unhealthy", "3 open". */
export function Badge({ label, tone = "quiet", icon }: { label: string; tone?: Tone; icon?: IconName }) {
  return (
    <span className={classes.badge} data-tone={tone}>
      {icon && <Icon name={icon} size={14} />}
      {label}
    </span>
  );
}
