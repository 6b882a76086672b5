import { Badge, StateBadge } from "@/components/StateBadge";

/** A run's state; an upload that was laid out has answered nothing. */
export function RunBadge({ kind, state }: { kind: string; state: string }) {
  if (kind === "ingest" && state === "succeeded") {
    return <Badge label="Laid out" tone="good" icon="check" />;
  }
  return <StateBadge of="run" state={state} />;
}
