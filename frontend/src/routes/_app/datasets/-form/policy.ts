/** A dataset's rules as a form. */

import type { components } from "@/api/schema";
import { formatShare, plural } from "@/lib/format";

export type DatasetPolicy = components["schemas"]["DatasetPolicy"];

export interface PolicyForm {
  automatic: boolean;
  /** In percent. */
  share: string;
  reviewers: string;
  groups: string[];
  days: string;
  /** What may be asked. */
  kinds: DatasetPolicy["kinds"];
  /** Who releases what code returned; empty: as many as approve. */
  release: string;
}

export const USUAL_POLICY: PolicyForm = {
  automatic: false,
  share: "5",
  reviewers: "1",
  groups: [],
  days: "30",
  kinds: ["query", "code", "black_box"],
  release: "",
};

export function policyForm(policy: DatasetPolicy): PolicyForm {
  return {
    automatic: policy.auto_approve,
    share: String(Number((policy.auto_approve_share * 100).toPrecision(6))),
    reviewers: String(policy.reviewers),
    groups: [...policy.reviewer_groups],
    days: String(policy.request_days),
    kinds: [...policy.kinds],
    release: policy.release_reviewers ? String(policy.release_reviewers) : "",
  };
}

export function policyOf(form: PolicyForm): DatasetPolicy {
  return {
    auto_approve: form.automatic,
    auto_approve_share: Number((Number(form.share) / 100).toPrecision(10)),
    reviewers: Number(form.reviewers),
    reviewer_groups: form.groups,
    request_days: Number(form.days),
    kinds: KINDS.filter((kind) => form.kinds.includes(kind)),
    release_reviewers: form.release.trim() === "" ? null : Number(form.release),
  };
}

export const KINDS: DatasetPolicy["kinds"] = ["query", "code", "black_box"];

export const KIND_WORDS: Record<DatasetPolicy["kinds"][number], string> = {
  query: "private questions",
  code: "code that people read",
  black_box: "private black boxes",
};

export interface PolicyErrors {
  release?: string;
  share?: string;
  reviewers?: string;
  days?: string;
}

export function policyErrors(form: PolicyForm): PolicyErrors {
  const errors: PolicyErrors = {};
  const share = Number(form.share);
  if (form.share.trim() === "" || !(share > 0 && share <= 100)) {
    errors.share = "Above 0 and at most 100.";
  }
  if (!within(form.reviewers, 1, 10)) errors.reviewers = "From 1 to 10 people.";
  if (form.release.trim() !== "" && !within(form.release, 1, 10)) {
    errors.release = "From 1 to 10 people.";
  }
  if (!within(form.days, 1, 365)) errors.days = "From 1 to 365 days.";
  return errors;
}

function within(text: string, low: number, high: number): boolean {
  return /^\d{1,4}$/.test(text.trim()) && Number(text) >= low && Number(text) <= high;
}

/** The rules as sentences, for people who do not set them. `named`: a group's name by its id. */
export function policySentences(
  policy: DatasetPolicy,
  named: (id: string) => string,
): [title: string, words: string][] {
  const groups = policy.reviewer_groups.map(named);
  const releasers = policy.release_reviewers ?? policy.reviewers;
  return [
    [
      "What may be asked",
      policy.kinds.length === 0
        ? "Nothing."
        : `${upper(policy.kinds.map((kind) => KIND_WORDS[kind]).join(", "))}.`,
    ],
    [
      "Without a person",
      policy.auto_approve
        ? `A private question that takes at most ${formatShare(policy.auto_approve_share)} of the asker's own budget is approved at once.`
        : "Nothing is approved at once: people read every question first.",
    ],
    [
      "With people",
      policy.reviewers === 1
        ? "Whatever else is asked needs the approval of one reviewer, who is not the asker."
        : `Whatever else is asked needs the approval of ${policy.reviewers} different reviewers, none of them the asker.`,
    ],
    ...(groups.length > 0
      ? ([["Groups", `At least one approval has to come from each of: ${groups.join(", ")}.`]] as [
          string,
          string,
        ][])
      : []),
    ...(policy.kinds.includes("code")
      ? ([
          [
            "What code returns",
            `It is held until ${releasers === 1 ? "one reviewer has" : `${releasers} reviewers have`} looked at it and let it go.`,
          ],
        ] as [string, string][])
      : []),
    ["Waiting", `A request that nobody answers lapses after ${plural(policy.request_days, "day")}.`],
  ];
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a change of the rules does, sentence by sentence. */
export function policyChanges(
  before: DatasetPolicy,
  after: DatasetPolicy,
  named: (id: string) => string,
): string[] {
  const said: string[] = [];
  if (after.auto_approve !== before.auto_approve) {
    said.push(
      after.auto_approve
        ? `From now on, questions of up to ${formatShare(after.auto_approve_share)} of the asker's budget are answered without anybody reading them. Requests that wait now still wait for people.`
        : "From now on, people read every new question. What was approved already stays approved.",
    );
  } else if (after.auto_approve && after.auto_approve_share !== before.auto_approve_share) {
    said.push(
      `The largest question that is approved at once goes from ${formatShare(before.auto_approve_share)} to ${formatShare(after.auto_approve_share)} of the asker's budget.`,
    );
  }
  if (after.reviewers > before.reviewers) {
    said.push(
      `New requests need ${plural(after.reviewers, "approval")} rather than ${before.reviewers}. Requests that wait keep what they needed when they were sent, unless they are edited.`,
    );
  } else if (after.reviewers < before.reviewers) {
    said.push(
      `New requests need ${plural(after.reviewers, "approval")} rather than ${before.reviewers}. Requests that wait still need as many as when they were sent: a rule is never eased behind them.`,
    );
  }
  const added = after.reviewer_groups.filter((id) => !before.reviewer_groups.includes(id));
  const gone = before.reviewer_groups.filter((id) => !after.reviewer_groups.includes(id));
  if (added.length > 0) {
    said.push(
      `New requests also need an approval from ${added.map(named).join(", ")}. A group with no active reviewer in it can approve nothing.`,
    );
  }
  if (gone.length > 0) {
    said.push(`New requests no longer need an approval from ${gone.map(named).join(", ")}.`);
  }
  for (const kind of KINDS) {
    if (after.kinds.includes(kind) === before.kinds.includes(kind)) continue;
    said.push(
      after.kinds.includes(kind)
        ? `From now on, ${KIND_WORDS[kind]} may be asked.`
        : `From now on, ${KIND_WORDS[kind]} may not be asked. What was approved already stays approved.`,
    );
  }
  const [released, releases] = [
    before.release_reviewers ?? before.reviewers,
    after.release_reviewers ?? after.reviewers,
  ];
  if (releases !== released) {
    said.push(
      `It takes ${plural(releases, "person", "people")} rather than ${released} to let go what code returns, from the next run on.`,
    );
  }
  if (after.request_days !== before.request_days) {
    said.push(`New requests lapse after ${plural(after.request_days, "day")} without an answer.`);
  }
  return said;
}
