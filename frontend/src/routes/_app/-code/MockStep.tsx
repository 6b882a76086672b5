import { Button, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";

import { ErrorNote } from "@/components/ErrorState";
import { formatDuration } from "@/lib/format";
import classes from "./Code.module.css";
import type { ProgramForm } from "./form";
import type { useMock } from "./useMock";

interface Props {
  form: ProgramForm;
  change: (part: Partial<ProgramForm>) => void;
  mock: ReturnType<typeof useMock>;
  onRun: () => void;
  /** How many rows to try it on, where that is not as one likes. */
  advice?: string | undefined;
}

/** Trying a program on made-up rows. */
export function MockStep({ form, change, mock, onRun, advice }: Props) {
  const { start, running, run } = mock;
  return (
    <section className={classes.step} aria-labelledby="try">
      <h2 id="try">Try it</h2>
      <p className={classes.hint}>
        In the same sandbox, on rows that are made up from the columns. It takes no approval and no
        budget.
      </p>
      <TextInput
        label={advice ? "Made-up rows" : "Made-up rows of each dataset"}
        description={advice}
        className={classes.rows}
        inputMode="numeric"
        maxLength={5}
        value={form.rows}
        onChange={(event) => change({ rows: event.currentTarget.value.replaceAll(/\D/g, "") })}
        error={Number(form.rows) >= 1 && Number(form.rows) <= 20_000 ? undefined : "From 1 to 20,000."}
      />
      <Button variant="default" loading={start.busy} disabled={running} onClick={onRun}>
        Run on made-up rows
      </Button>
      {start.error && <ErrorNote error={start.error} />}
      <div role="status">
        {running && run && <Running state={run.state} since={run.queued_at} />}
        {!running && run?.report && (
          <span className={classes.hint}>
            {run.report.ending === "returned" ? "It returned" : "It ended without a result"} after{" "}
            {formatDuration(run.report.wall_ms)}; see below.
          </span>
        )}
      </div>
    </section>
  );
}

function Running({ state, since }: { state: string; since: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.round((now - Date.parse(since)) / 1000));
  return (
    <span className={classes.hint}>
      {state === "queued" ? "Waiting for a worker" : "Running"}…{" "}
      <span aria-hidden="true">{seconds} s</span>
    </span>
  );
}
