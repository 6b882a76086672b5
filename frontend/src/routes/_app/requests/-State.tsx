import { StateBadge } from "@/components/StateBadge";

/** A request's state; once it was sent, its run's, which says more. */
export function RequestBadge({ state, runState }: { state: string; runState?: string | null }) {
  if (state === "queued" && runState) return <StateBadge of="run" state={runState} />;
  return <StateBadge of="request" state={state} />;
}
