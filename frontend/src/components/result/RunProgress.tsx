import type { Schemas } from "@/api/client";
import { formatDuration } from "@/lib/format";
import classes from "./RunProgress.module.css";

type Run = Schemas["Run"];

/** How far a run is on its public clock, which knows nothing about the data. */
export function RunProgress({ run, code = false }: { run: Run; code?: boolean }) {
  const waiting = run.state === "queued";
  const percent = Math.round(run.progress * 100);
  return (
    <div className={classes.progress}>
      <div
        className={classes.bar}
        role="progressbar"
        aria-label="Progress"
        aria-valuemin={0}
        aria-valuemax={100}
        {...(waiting ? {} : { "aria-valuenow": percent })}
        data-waiting={waiting || undefined}
      >
        <span style={{ width: `${waiting ? 0 : Math.max(percent, 2)}%` }} />
      </div>
      <p className="soft">
        {waiting
          ? "Waiting for a worker to take it."
          : code
            ? `Running: it counts as ended ${formatDuration(run.deadline_ms)} after a worker took it, however it went. Then people look at what it returned.`
            : `Running: the answer shows ${formatDuration(run.deadline_ms)} after a worker took it, whatever the data hold.`}
      </p>
    </div>
  );
}
