import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { codeReviewQuery, type CodeReview, type SourceFile } from "@/api/code";
import { roundsQuery, type CodeRequest } from "@/api/requests";
import { useSession } from "@/api/session";
import { FileView } from "@/components/code/FileView";
import { MockItems } from "@/components/code/Items";
import { EndingBadge, RunReportView } from "@/components/code/RunReportView";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { formatDay, plural } from "@/lib/format";
import { can } from "@/lib/roles";
import { CodeEdit } from "./CodeEdit";
import classes from "./code.module.css";
import { CodeOutcome } from "./CodeOutcome";
import { LineCommentForm } from "./LineCommentForm";
import { ProgramInWords } from "./ProgramInWords";

interface Props {
  request: CodeRequest;
  editing: boolean;
  onEdit: () => void;
  onEdited: () => void;
}

/** A program to be run on private data, as a pull request: what it does, its files with what was
    found and said at each line, what changed, and its run on made-up rows. */
export default function CodeMain({ request, editing, onEdit, onEdited }: Props) {
  const { user } = useSession();
  const review = useQuery(codeReviewQuery(request.id));
  const mine = request.requester.id === user.id;
  return (
    <>
      <CodeOutcome request={request} />
      {review.data?.covered_by && <Covered review={review.data} by={review.data.covered_by} />}
      {editing ? (
        <Section title="Edit and send again" sheet>
          <CodeEdit request={request} onDone={onEdited} />
        </Section>
      ) : (
        <>
          {mine && request.state === "changes_requested" && (
            <div className={classes.note}>
              <Note tone="wait">
                <div className={classes.ask}>
                  <span>
                    A reviewer asks you to change this. Their reason is below; what they said of
                    single lines stands at those.
                  </span>
                  <Button onClick={onEdit}>Edit and send again</Button>
                </div>
              </Note>
            </div>
          )}
          <Section title="What is asked" sheet>
            <ProgramInWords request={request} />
          </Section>
          {review.isPending && <LoadingState what="the program" rows={8} />}
          {review.isError && !review.data && (
            <ErrorState error={review.error} onRetry={() => void review.refetch()} />
          )}
          {review.data && <Files request={request} review={review.data} />}
          {review.data && <Tried review={review.data} mine={mine} />}
        </>
      )}
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

interface Since {
  since?: string | undefined;
}

function Files({ request, review }: { request: CodeRequest; review: CodeReview }) {
  const { user } = useSession();
  const { filters, setFilters } = useFilters<Since>();
  const round = request.round ?? 1;
  const rounds = useQuery({ ...roundsQuery(request.id), enabled: round > 1 });
  const approved = review.approved_before;
  const earlier = (rounds.data ?? []).slice(0, -1).filter(({ content }) => content);
  const before: readonly SourceFile[] | undefined =
    filters.since === "approved"
      ? approved?.files
      : earlier.find(({ number }) => String(number) === filters.since)?.content?.files;
  const choices = [
    { value: "", label: "Whole program" },
    ...(approved
      ? [{ value: "approved", label: `Changes since the version approved on ${formatDay(approved.approved_at)}` }]
      : []),
    ...earlier.map(({ number }) => ({
      value: String(number),
      label: `Changes since round ${number}`,
    })),
  ];
  const { entry, files } = request.content;
  const gone = before?.filter(({ path }) => files.every((file) => file.path !== path)) ?? [];
  const comments = review.comments.filter((comment) => comment.round === round);
  const says = can(user.role, "comment");
  return (
    <Section
      title="The program"
      lead={
        says
          ? "Press a line's number to comment on it; everybody who may read this request reads that."
          : undefined
      }
      actions={
        choices.length > 1 ? (
          <NativeSelect
            aria-label="Show the whole program, or what changed"
            value={before ? filters.since : ""}
            onChange={(event) => setFilters({ since: event.currentTarget.value || undefined })}
            data={choices}
          />
        ) : undefined
      }
    >
      {filters.since === "approved" && approved ? (
        <Compared approved={approved} />
      ) : (
        approved === null && (
          <p className={classes.first}>
            No earlier version was approved, so there is nothing approved to compare it with.
          </p>
        )
      )}
      <div className={classes.files}>
        {files.map((file) => (
          <FileView
            key={file.path}
            path={file.path}
            text={file.text}
            before={before && (before.find(({ path }) => path === file.path)?.text ?? "")}
            mark={file.path === entry.path && files.length > 1 && <Badge label="It begins here" />}
            findings={review.findings.filter(({ path }) => path === file.path)}
            comments={comments.filter(({ path }) => path === file.path)}
            anchored
            renderForm={
              says
                ? (line, close) => (
                    <LineCommentForm request={request} path={file.path} line={line} onClose={close} />
                  )
                : undefined
            }
          />
        ))}
        {gone.map((file) => (
          <FileView key={file.path} path={file.path} text={null} before={file.text} />
        ))}
      </div>
    </Section>
  );
}

const DIFFERS: Record<string, string> = {
  data: "the version of the data or its rules",
  environment: "the environment's packages",
  reach: "what later runs an approval covers",
  output: "the bounds of what it returns",
};

/** Whose version the changes are shown against, who let it pass, and what the files do not show:
    whoever reads the changes alone relies on those people for the rest. */
function Compared({ approved }: { approved: NonNullable<CodeReview["approved_before"]> }) {
  const by = approved.approved_by.map(({ name }) => name);
  const differs = approved.differs.map((name) => DIFFERS[name] ?? name);
  return (
    <p className={classes.first}>
      Compared with{" "}
      <Link to="/requests/$request" params={{ request: approved.request_id }}>
        the request
      </Link>{" "}
      of {approved.requester.name} that {by.length > 0 ? by.join(" and ") : "nobody"} approved{" "}
      <Time at={approved.approved_at} />. What did not change is what they read.
      {differs.length > 0 && ` Beside the files, these differ: ${differs.join(", ")}.`}
    </p>
  );
}

function Tried({ review, mine }: { review: CodeReview; mine: boolean }) {
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
