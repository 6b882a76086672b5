import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { codeReviewQuery, type CodeReview } from "@/api/code";
import type { CodeRequest } from "@/api/requests";
import { Note } from "@/components/Note";
import { Section } from "@/components/Section";
import { plural } from "@/lib/format";
import { CodeEdit } from "./CodeEdit";
import classes from "./code.module.css";
import { CodeOutcome } from "./CodeOutcome";
import { ProgramInWords } from "./ProgramInWords";
import { ProgramMain, type Editing } from "./ProgramMain";

/** A program to be run on private data, as a pull request: what it does, its files with what was
    found and said at each line, what changed, and its run on made-up rows. */
export default function CodeMain({ request, ...editing }: Editing & { request: CodeRequest }) {
  const review = useQuery(codeReviewQuery(request.id));
  return (
    <>
      <CodeOutcome request={request} />
      {review.data?.covered_by && <Covered review={review.data} by={review.data.covered_by} />}
      <ProgramMain
        request={request}
        {...editing}
        form={<CodeEdit request={request} onDone={editing.onEdited} />}
      >
        <Section title="What is asked" sheet>
          <ProgramInWords request={request} />
        </Section>
      </ProgramMain>
    </>
  );
}

function Covered({ review, by }: { review: CodeReview; by: string }) {
  return (
    <div className={classes.note}>
      <Note tone="good">
        <strong>Covered by an approval.</strong> People approved this program before, for parameters
        such as these, so nobody votes on it again:{" "}
        <Link to="/requests/$request" params={{ request: by }}>
          see that request
        </Link>
        .{review.runs_left !== null && ` ${plural(review.runs_left, "run")} left of it.`} What it
        returns is held all the same.
      </Note>
    </div>
  );
}
