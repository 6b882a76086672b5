import { StateBadge } from "@/components/StateBadge";

/** A request's state; once it was sent, its run's, which says more. */
export function RequestBadge({
  state,
  runState,
  output,
}: {
  state: string;
  runState?: string | null | undefined;
  /** Of code: what people decided on what it returned. */
  output?: string | null | undefined;
}) {
  if (state === "queued" && output) return <StateBadge of="output" state={output} />;
  if (state === "queued" && runState) return <StateBadge of="run" state={runState} />;
  return <StateBadge of="request" state={state} />;
}
