/** How the pages about requests say things. */

import { isCode, type CodeContent, type RequestFull, type Target } from "@/api/requests";
import { formatEpsilon, formatNumber, formatShare } from "@/lib/format";

/** "ε = 0.1", "within ± 50 with 95 % confidence". */
export function targetInWords(target: Target): string {
  switch (target.kind) {
    case "rho":
      return `ρ = ${formatEpsilon(target.rho)}`;
    case "accuracy":
      return `within ± ${formatNumber(target.within)} with ${formatShare(target.confidence ?? 0.95)} confidence`;
    default:
      return `ε = ${formatEpsilon(target.epsilon)}`;
  }
}

const TITLE_LENGTH = 90;

/** What a request is called: the beginning of its purpose, or of what it computes. */
export function titleOf(request: { purpose: string; in_words?: string; dataset: string }): string {
  const said = request.purpose.trim() || request.in_words || `A question about ${request.dataset}`;
  const first = said.split("\n")[0] ?? said;
  if (first.length <= TITLE_LENGTH) return first;
  const cut = first.slice(0, TITLE_LENGTH);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), 40))}…`;
}

/** What runs, as a person would say it: "work() of analysis.py". */
export function programTitle({ entry }: Pick<CodeContent, "entry">): string {
  return entry.kind === "function" ? `${entry.name}() of ${entry.path}` : entry.path;
}

/** What a request computes, for where its purpose says nothing. */
export function wordsOf(request: RequestFull): string {
  if (isCode(request)) return `${programTitle(request.content)} on ${request.dataset}`;
  return request.price?.in_words ?? "";
}

/** The question in SQL, whichever way it was asked. */
export function sqlOf(request: RequestFull): string {
  return request.as_sql ?? request.sql ?? "";
}

/** Whether the purpose says more than the title already does. */
export function saysMore(request: { purpose: string; dataset: string }): boolean {
  return request.purpose.trim() !== "" && request.purpose.trim() !== titleOf(request);
}

/** What happens next, and who does it. */
export function nextStep(request: RequestFull, mine: boolean): string {
  const votes = `${request.votes_needed} ${request.votes_needed === 1 ? "person" : "people"}`;
  switch (request.state) {
    case "submitted":
      return request.votes_needed > 0
        ? `It runs once ${votes} approved it.${isCode(request) ? "" : " Nothing is charged before."}`
        : "It waits to be approved.";
    case "changes_requested":
      return mine
        ? "A reviewer asks you to change it. Edit it and send it again, or withdraw it."
        : "It waits for whoever asked to change it and send it again.";
    case "over_budget":
      return mine
        ? "It was approved, but your budget or everyone's cannot pay for it. Queue it again once there is enough, or withdraw it."
        : "It was approved, but a budget cannot pay for it. Whoever asked can queue it again.";
    case "approved":
      return "It is approved and about to be sent.";
    case "queued":
      if (!request.run?.finished_at) return "It was sent to run.";
      return request.run.output === "held"
        ? "It has run, and what it returned is under review."
        : "It has run.";
    case "rejected":
      return "It was refused for good. The reason is in the conversation.";
    case "withdrawn":
      return "Whoever asked took it back.";
    default:
      return "Nobody answered it in time.";
  }
}

const SOON_MS = 3 * 86_400_000;

/** Whether so little is left until `time` that whoever decides should know. */
export function isSoon(time: string): boolean {
  return Date.parse(time) - Date.now() < SOON_MS;
}

/** Under which name a vote that was not sent yet is kept. */
export const voteDraft = (id: string) => `vote:${id}`;
