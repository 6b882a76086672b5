import { Progress } from "@mantine/core";

import type { RequestFull, Run } from "@/api/requests";
import { IntervalChart } from "@/components/IntervalChart";
import { formatDuration } from "@/lib/format";
import classes from "./-Result.module.css";

/** A run on its way: how far its public clock has come. */
export function RunProgress({ run }: { run: Run }) {
  const waiting = run.state === "queued";
  return (
    <div className={classes.progress} role="status">
      <p>
        {waiting
          ? "It waits for a worker."
          : `It runs. The answer shows after ${formatDuration(run.deadline_ms)} at the earliest, whatever the data hold.`}
      </p>
      {!waiting && (
        <Progress value={run.progress * 100} aria-label="Time until the answer shows" size="sm" />
      )}
    </div>
  );
}

function label(key: readonly unknown[]): string {
  if (key.length === 0) return "All";
  return key.map((part) => (part === null ? "missing" : String(part))).join(", ");
}

/** What was answered, with its intervals. */
export function ResultView({ run }: { run: Run; request: RequestFull }) {
  const { answer } = run;
  if (!answer) return null;
  return answer.measures.map((measure) => (
    <IntervalChart
      key={measure.name}
      measure={measure.name}
      by={answer.group_by.join(", ") || "Group"}
      confidence={answer.confidence ?? 0.95}
      rows={answer.keys.map((key, index) => ({
        label: label(key),
        value: Number(measure.values[index]),
        low: Number(measure.low[index]),
        high: Number(measure.high[index]),
      }))}
    />
  ));
}
