import type { ReactNode } from "react";

import { MockItems } from "@/components/code/Items";
import { EndingBadge, RunReportView } from "@/components/code/RunReportView";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { Section } from "@/components/Section";
import { asApiError } from "@/api/problem";
import classes from "./Code.module.css";
import type { useMock } from "./useMock";

interface Props {
  mock: ReturnType<typeof useMock>;
  /** What it would count as, where that is not what it returned. */
  children?: ReactNode;
}

/** What a run on made-up rows came to: its items, what it printed, its time and memory. */
export function MockResult({ mock, children }: Props) {
  const { run, failure, fits } = mock;
  if (failure && !run) return <ErrorNote error={asApiError(failure)} />;
  if (!run || mock.running) return null;
  return (
    <Section
      title="On made-up rows"
      lead="What it returned and printed. Nothing of this is private, and nothing of it is true."
      sheet
      actions={run.report ? <EndingBadge ending={run.report.ending} /> : undefined}
    >
      <div className={classes.result}>
        {!fits && (
          <Note tone="wait">
            You have changed the program since: this is of what it was. Run it again to send it with
            your request.
          </Note>
        )}
        {run.report ? (
          <>
            {children}
            {run.report.ending === "returned" && <MockItems run={run} />}
            <RunReportView report={run.report} />
          </>
        ) : (
          <Note tone="bad">
            {run.state === "expired"
              ? "No worker for made-up rows took it in time. Try again; if it happens again, tell the owner."
              : run.state === "succeeded"
                ? "Its result is kept for seven days, and they are over. Run it again."
                : "It could not be run. Try again; if it happens again, tell the owner."}
          </Note>
        )}
      </div>
    </Section>
  );
}
