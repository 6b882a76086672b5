/** Who may vote on a request, and where. The site decides again. */

import type { RequestFull } from "@/api/requests";
import type { User } from "@/api/session";
import { can } from "@/lib/roles";

/** The vote of this person on the request as it is now. */
export function voteOf(request: RequestFull, user: User) {
  return request.votes.find(
    (vote) => vote.reviewer.id === user.id && vote.round === request.round,
  );
}

export function mayVote(request: RequestFull, user: User): boolean {
  return (
    request.state === "submitted" &&
    request.requester.id !== user.id &&
    can(user.role, "review") &&
    voteOf(request, user) === undefined
  );
}

export const VOTE_FORM = "vote";

/** To the form, with the focus on its first choice. */
export function goToVote(): void {
  const form = document.getElementById(VOTE_FORM);
  form?.scrollIntoView({ block: "center" });
  form?.querySelector<HTMLInputElement>("input[type=radio]:not(:disabled)")?.focus();
}
