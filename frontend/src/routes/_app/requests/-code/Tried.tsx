import { Button } from "@mantine/core";
import { useState } from "react";

import type { CodeReview } from "@/api/code";
import { MockItems } from "@/components/code/Items";
import { EndingBadge, RunReportView } from "@/components/code/RunReportView";
import { Note } from "@/components/Note";
import { Section } from "@/components/Section";
import classes from "./code.module.css";

/** Its run on made-up rows. */
export function Tried({ review, mine }: { review: CodeReview; mine: boolean }) {
  const run = review.mock_run;
  const [open, setOpen] = useState(true);
  return (
    <Section
      title="On made-up rows"
      lead="The same program in the same sandbox, on rows made up from the columns. Nothing here is private."
      actions={
        run?.report ? (
          <>
            <EndingBadge ending={run.report.ending} />
            <Button variant="default" size="compact-md" onClick={() => setOpen(!open)}>
              {open ? "Fold away" : "Show"}
            </Button>
          </>
        ) : undefined
      }
    >
      {run?.report ? (
        open && (
          <div className={classes.files}>
            <MockItems run={run} />
            <RunReportView report={run.report} />
          </div>
        )
      ) : (
        <Note tone="quiet">
          {mine
            ? "You attached no run on made-up rows. Reviewers decide more easily with one."
            : "No run on made-up rows came with it. You can return the request and ask for one."}
        </Note>
      )}
    </Section>
  );
}
