import { Button, Group } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";

import { codeReviewQuery } from "@/api/code";
import {
  isBlackBox,
  isCode,
  isProgram,
  isQuestion,
  requestQuery,
  type Decision,
  type ProgramRequest,
  type RequestFull,
} from "@/api/requests";
import { useSession } from "@/api/session";
import { FileView } from "@/components/code/FileView";
import { LEVEL_LOOK, LEVELS } from "@/components/code/levels";
import { EndingBadge } from "@/components/code/RunReportView";
import { CodeBlock } from "@/components/CodeBlock";
import { Badge } from "@/components/StateBadge";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { PlanInWords } from "@/components/PlanInWords";
import { BlackBoxInWords } from "../requests/-code/BlackBoxInWords";
import { Weigh } from "../requests/-Weigh";
import { mayVote } from "../requests/-voting";
import { programTitle, saysMore, sqlOf, titleOf, wordsOf } from "../requests/-words";
import classes from "./-review.module.css";

interface Props {
  id: string;
  onShown: (request: RequestFull | null) => void;
  onDecide: (decision: Decision, request: RequestFull) => void;
}

/** The chosen request with all that a vote needs, beside the queue. */
export function Preview({ id, onShown, onDecide }: Props) {
  const { user } = useSession();
  const request = useQuery(requestQuery(id));
  const { data } = request;
  useEffect(() => {
    onShown(data ?? null);
    return () => onShown(null);
  }, [data, onShown]);
  return (
    <section className={classes.preview} aria-label="The chosen request">
      {request.isPending && <LoadingState what="the request" rows={8} />}
      {request.isError && !data && (
        <ErrorState error={request.error} onRetry={() => void request.refetch()} />
      )}
      {data && (
        <>
          <div className={classes.previewTop}>
            <h2>{titleOf({ ...data, in_words: wordsOf(data) })}</h2>
            <Link to="/requests/$request" params={{ request: id }}>
              Open with its conversation
            </Link>
          </div>
          {(data.round ?? 1) > 1 && (
            <Note tone="info">
              Round {data.round}: it was edited.{" "}
              <Link
                to="/requests/$request"
                params={{ request: id }}
                search={{ since: String((data.round ?? 2) - 1) }}
              >
                See what changed
              </Link>
              .
            </Note>
          )}
          {saysMore(data) && <p className={classes.purpose}>{data.purpose}</p>}
          {isQuestion(data) && (
            <>
              <PlanInWords price={data.price} />
              <CodeBlock code={sqlOf(data)} language="SQL" copyLabel="Copy the SQL" />
            </>
          )}
          {isBlackBox(data) && <BlackBoxInWords request={data} />}
          {isProgram(data) && <Program request={data} />}
          {mayVote(data, user) ? (
            <Group gap="sm" className={classes.votes ?? ""}>
              <Button onClick={() => onDecide("approve", data)}>Approve…</Button>
              <Button variant="default" onClick={() => onDecide("return", data)}>
                Return…
              </Button>
              <Button variant="default" onClick={() => onDecide("reject", data)}>
                Reject…
              </Button>
              <span className="soft">Others do not see your vote until it is decided.</span>
            </Group>
          ) : (
            <Note tone="info">
              {data.requester.id === user.id
                ? "You asked this, so you cannot vote on it: somebody else has to."
                : data.state === "submitted"
                  ? "You have voted on this. It stays hidden from others until it is decided."
                  : "It is decided; it leaves this list in a moment."}
            </Note>
          )}
          <Weigh request={data} brief />
        </>
      )}
    </section>
  );
}

/** A program, to be read here; its comments, its differences and its run are on its own page. */
function Program({ request }: { request: ProgramRequest }) {
  const review = useQuery(codeReviewQuery(request.id));
  const { files } = request.content;
  const findings = review.data?.findings ?? [];
  return (
    <>
      {isCode(request) && (
        <p>
          {request.content.entry.kind === "function" ? "Calls " : "Runs "}
          <strong>{programTitle(request.content)}</strong>.
          {request.content.reach && " An approval covers later runs too, with other parameters."}
        </p>
      )}
      {review.data && (
        <p className={classes.marks}>
          {LEVELS.map((level) => {
            const count = findings.filter((finding) => finding.level === level).length;
            const look = LEVEL_LOOK[level];
            const words = (count === 1 ? look.one : look.many).toLowerCase();
            return count > 0 && <Badge key={level} label={`${count} ${words}`} tone={look.tone} icon={look.icon} />;
          })}
          {review.data.mock_run?.report ? (
            <>
              On made-up rows: <EndingBadge ending={review.data.mock_run.report.ending} />
            </>
          ) : (
            <span className="soft">No run on made-up rows came with it.</span>
          )}
        </p>
      )}
      {files.map((file) => (
        <FileView
          key={file.path}
          path={file.path}
          text={file.text}
          findings={findings.filter(({ path }) => path === file.path)}
        />
      ))}
    </>
  );
}
