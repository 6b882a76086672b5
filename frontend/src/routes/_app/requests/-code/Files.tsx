import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import type { CodeReview, SourceFile } from "@/api/code";
import { roundsQuery, type ProgramRequest } from "@/api/requests";
import { useSession } from "@/api/session";
import { FileView } from "@/components/code/FileView";
import { Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { formatDay } from "@/lib/format";
import { can } from "@/lib/roles";
import classes from "./code.module.css";
import { LineCommentForm } from "./LineCommentForm";

interface Since {
  since?: string | undefined;
}

/** The program's files, with what was found and said at each line, or what changed. */
export function Files({ request, review }: { request: ProgramRequest; review: CodeReview }) {
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
