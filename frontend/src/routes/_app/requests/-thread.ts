/** A request's story in one order: what was asked, said, voted and done. Pure. */

import type { LineComment } from "@/api/code";
import type { RequestComment, RequestFull, RequestRound, Run, Vote } from "@/api/requests";

interface PersonRef {
  id: string;
  name: string;
  email: string;
}

export type Entry = { at: string; key: string } & (
  | { kind: "asked"; person: PersonRef; round: RequestRound | undefined }
  | { kind: "edited"; person: PersonRef; before: RequestRound; after: RequestRound }
  | { kind: "vote"; vote: Vote }
  | { kind: "comment"; comment: RequestComment }
  | { kind: "line"; comment: LineComment }
  | { kind: "event"; text: string }
  | { kind: "decided"; words: string; tone: "good" | "bad" | "quiet" }
  | { kind: "run"; run: Run; ended: boolean }
);

interface Parts {
  request: RequestFull;
  comments: readonly RequestComment[];
  rounds: readonly RequestRound[];
  /** On single lines of a program. */
  lines?: readonly LineComment[];
}

/** Oldest first. What happened at one moment stays in the order of cause and effect. */
export function threadOf({ request, comments, rounds, lines = [] }: Parts): Entry[] {
  const entries: Entry[] = [
    {
      kind: "asked",
      key: "asked",
      at: request.created_at,
      person: request.requester,
      round: rounds[0],
    },
    ...edits(request, rounds),
    ...remarks(comments, rounds),
    ...lines.map((comment): Entry => ({ kind: "line", key: comment.id, at: comment.at, comment })),
    ...request.votes.map((vote): Entry => ({
      kind: "vote",
      key: `${vote.reviewer.id}:${vote.round}`,
      at: vote.at,
      vote,
    })),
    ...outcome(request),
  ];
  return entries.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function edits(request: RequestFull, rounds: readonly RequestRound[]): Entry[] {
  return rounds.slice(1).flatMap((after, index): Entry[] => {
    const before = rounds[index];
    if (before === undefined) return [];
    const key = `round:${after.number}`;
    return [{ kind: "edited", key, at: after.asked_at, person: request.requester, before, after }];
  });
}

/** Comments and events; what an edit or a vote shows by itself is left out here. */
function remarks(comments: readonly RequestComment[], rounds: readonly RequestRound[]): Entry[] {
  const edited = new Set(rounds.slice(1).map((round) => round.asked_at));
  return comments.flatMap((comment): Entry[] => {
    const { at, kind } = comment;
    if (kind === "vote" || (kind === "event" && edited.has(at))) return [];
    return kind === "event"
      ? [{ kind: "event", key: comment.id, at, text: comment.text }]
      : [{ kind: "comment", key: comment.id, at, comment }];
  });
}

function outcome(request: RequestFull): Entry[] {
  const entries: Entry[] = [];
  const approved = ["approved", "over_budget", "queued"].includes(request.state);
  // Where one vote decides, that vote says it.
  if (approved && request.votes_needed !== 1) {
    const counted = request.votes.filter((vote) => vote.counts && vote.decision === "approve");
    const last = counted.map((vote) => vote.at).toSorted().at(-1);
    entries.push({
      kind: "decided",
      key: "approved",
      at: last ?? request.created_at,
      words: request.votes_needed === 0 ? (request.kind === "code" ? "Covered by an earlier approval." : "Approved by the dataset's rules.") : `Approved: ${counted.length} votes.`,
      tone: "good",
    });
  }
  if (request.state === "withdrawn" || request.state === "expired") {
    const words =
      request.state === "withdrawn" ? "Withdrawn by whoever asked." : "Expired without an answer.";
    entries.push({ kind: "decided", key: "ended", at: request.updated_at, words, tone: "quiet" });
  }
  const { run } = request;
  if (run) {
    entries.push({ kind: "run", key: "sent", at: run.queued_at, run, ended: false });
    if (run.finished_at) {
      entries.push({ kind: "run", key: "ended", at: run.finished_at, run, ended: true });
    }
  }
  return entries;
}
