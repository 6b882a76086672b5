import { Button, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { codeReviewQuery } from "@/api/code";
import {
  commentsQuery,
  isCode,
  isProgram,
  isQuestionRound,
  roundsQuery,
  useComment,
  type RequestFull,
  type Vote,
} from "@/api/requests";
import { useSession } from "@/api/session";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { Icon, type IconName } from "@/components/Icon";
import { LoadingState } from "@/components/LoadingState";
import { Initials } from "@/components/PersonName";
import { Badge, stateLabel, type Tone } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { formatShare } from "@/lib/format";
import { can } from "@/lib/roles";
import { Changes } from "./-Changes";
import { CodeChanges } from "./-CodeChanges";
import { threadOf, type Entry } from "./-thread";
import { targetInWords } from "./-words";
import classes from "./-Thread.module.css";

/** The conversation: what was asked, said, voted and done, oldest first. */
export function Thread({ request }: { request: RequestFull }) {
  const comments = useQuery(commentsQuery(request.id));
  const rounds = useQuery(roundsQuery(request.id));
  const lines = useQuery({ ...codeReviewQuery(request.id), enabled: isProgram(request) });
  const failed = comments.isError ? comments : rounds.isError ? rounds : null;
  if (failed && !failed.data) {
    return <ErrorState error={failed.error} onRetry={() => void failed.refetch()} />;
  }
  if (!comments.data || !rounds.data) return <LoadingState what="the conversation" rows={4} />;
  const entries = threadOf({
    request,
    comments: comments.data,
    rounds: rounds.data,
    lines: lines.data?.comments ?? [],
  });
  return (
    <ol className={classes.thread} aria-label="Conversation">
      {entries.map((entry) => (
        <OneEntry key={entry.key} entry={entry} request={request} />
      ))}
    </ol>
  );
}

function OneEntry({ entry, request }: { entry: Entry; request: RequestFull }) {
  const { user } = useSession();
  const name = (person: { id: string; name: string }) =>
    person.id === user.id ? "You" : person.name;
  switch (entry.kind) {
    case "asked":
      return (
        <Said person={entry.person} at={entry.at} name={name(entry.person)} does="asked this">
          {entry.round?.purpose ? (
            <p className={classes.prose}>{entry.round.purpose}</p>
          ) : (
            <p className="soft">No purpose was given.</p>
          )}
          {entry.round?.target && entry.round.price && (
            <p className="soft">
              {targetInWords(entry.round.target)}, {formatShare(entry.round.price.share)} of the
              budget.
            </p>
          )}
        </Said>
      );
    case "edited":
      return (
        <Said
          person={entry.person}
          at={entry.at}
          name={name(entry.person)}
          does={`edited it: round ${entry.after.number}. Earlier votes no longer count.`}
        >
          {isQuestionRound(entry.before) && isQuestionRound(entry.after) ? (
            <Changes before={entry.before} after={entry.after} />
          ) : (
            <CodeChanges before={entry.before} after={entry.after} />
          )}
        </Said>
      );
    case "vote":
      return <VoteEntry vote={entry.vote} name={name(entry.vote.reviewer)} request={request} />;
    case "line":
      return (
        <Said
          person={entry.comment.author}
          at={entry.at}
          name={name(entry.comment.author)}
          does={
            `wrote on line ${entry.comment.line} of ${entry.comment.path}` +
            (entry.comment.round === (request.round ?? 1) ? "" : `, in round ${entry.comment.round}`)
          }
        >
          <p className={classes.prose}>{entry.comment.text}</p>
        </Said>
      );
    case "comment":
      return (
        <Said
          person={entry.comment.author}
          at={entry.at}
          name={name(entry.comment.author)}
          does="wrote"
        >
          <p className={classes.prose}>{entry.comment.text}</p>
        </Said>
      );
    case "run":
      return entry.ended ? (
        <Event icon={entry.run.state === "succeeded" ? "check" : "close"} at={entry.at}
          tone={entry.run.state === "succeeded" ? "good" : "bad"}>
          {(isCode(request) ? CODE_ENDS : ENDS)[entry.run.state] ?? stateLabel("run", entry.run.state)}
        </Event>
      ) : (
        <Event icon="play" at={entry.at}>
          {isCode(request) ? "Sent to run." : "Sent to run; the price was reserved."}
        </Event>
      );
    case "decided":
      return (
        <Event icon={entry.tone === "good" ? "check" : "stop"} tone={entry.tone} at={entry.at}>
          {entry.words}
        </Event>
      );
    default:
      return (
        <Event icon="info" at={entry.at}>
          {entry.text}
        </Event>
      );
  }
}

const ENDS: Record<string, string> = {
  succeeded: "Answered. The result is at the top of this page.",
  failed: "The run failed. It stays charged: a refund would tell something about the data.",
  cancelled: "The run was cancelled.",
  expired: "No worker took the run in time. Nothing was charged.",
};

const CODE_ENDS: Record<string, string> = {
  succeeded: "It has run. People look at what it returned before it leaves.",
  failed: "The run could not be finished.",
  cancelled: "The run was cancelled.",
  expired: "No worker took the run in time.",
};

const VOTES: Record<Vote["decision"], { does: string; label: string; tone: Tone; icon: IconName }> =
  {
    approve: { does: "approved", label: "Approved", tone: "good", icon: "check" },
    return: { does: "asked for changes", label: "Changes asked for", tone: "wait", icon: "back" },
    reject: { does: "rejected it", label: "Rejected", tone: "bad", icon: "close" },
  };

function VoteEntry({ vote, name, request }: { vote: Vote; name: string; request: RequestFull }) {
  const look = VOTES[vote.decision];
  const rounds = request.round ?? 1;
  return (
    <Said
      person={vote.reviewer}
      at={vote.at}
      name={name}
      does={rounds > 1 ? `${look.does} in round ${vote.round ?? 1}` : look.does}
      tone={look.tone}
      badge={
        <span className={classes.badges}>
          <Badge label={look.label} tone={look.tone} icon={look.icon} />
          {!vote.counts && <Badge label="No longer counts" />}
        </span>
      }
    >
      {vote.reason && <p className={classes.prose}>{vote.reason}</p>}
    </Said>
  );
}

interface SaidProps {
  person: { name: string; email?: string };
  name: string;
  does: string;
  at: string;
  tone?: Tone;
  badge?: ReactNode;
  children?: ReactNode;
}

function Said({ person, name, does, at, tone, badge, children }: SaidProps) {
  return (
    <li className={classes.said} data-tone={tone}>
      <Initials name={person.name} />
      <article className={classes.card}>
        <header className={classes.top}>
          <span>
            <strong title={person.email}>{name}</strong> {does}
          </span>
          {badge}
          <span className={classes.time}>
            <Time at={at} />
          </span>
        </header>
        {children && <div className={classes.body}>{children}</div>}
      </article>
    </li>
  );
}

interface EventProps {
  icon: IconName;
  at: string;
  tone?: Tone;
  children: ReactNode;
}

function Event({ icon, at, tone = "quiet", children }: EventProps) {
  return (
    <li className={classes.event}>
      <span className={classes.dot} data-tone={tone}>
        <Icon name={icon} size={16} />
      </span>
      <span>{children}</span>
      <span className={classes.time}>
        <Time at={at} />
      </span>
    </li>
  );
}

/** A remark for everyone who may see the request. */
export function CommentForm({ request }: { request: RequestFull }) {
  const { user } = useSession();
  const draft = useDraft(`comment:${request.id}`, "");
  const comment = useComment(request.id);
  const { submit, busy, error } = useSubmit(async () => {
    await comment.mutateAsync(draft.value.trim());
    draft.clear();
  });
  if (!can(user.role, "comment")) return null;
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (draft.value.trim() !== "") void submit();
      }}
    >
      <Textarea
        label="Comment"
        description="Whoever asked, reviewers, owners and auditors read it."
        autosize
        minRows={2}
        maxRows={12}
        maxLength={4000}
        value={draft.value}
        onChange={(event) => draft.set(event.currentTarget.value)}
      />
      {error && <ErrorNote error={error} />}
      <div>
        <Button type="submit" variant="default" loading={busy} disabled={draft.value.trim() === ""}>
          Comment
        </Button>
      </div>
    </form>
  );
}
