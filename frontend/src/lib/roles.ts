/** What each role may do, for showing and hiding. The site decides again on every request. */

import type { Role } from "@/api/session";

export const ROLE_NAMES: Record<Role, string> = {
  owner: "Owner",
  reviewer: "Reviewer",
  researcher: "Researcher",
  auditor: "Auditor",
};

/** In a sentence: "invites you as a researcher: asks questions …". */
export const ROLE_DUTIES: Record<Role, string> = {
  owner: "runs the site: data, budgets, people and rules",
  reviewer: "reads what others ask and votes on it",
  researcher: "asks questions of data without seeing it",
  auditor: "reads everything and changes nothing",
};

const table = {
  ask: ["owner", "reviewer", "researcher"],
  review: ["owner", "reviewer"],
  seePeople: ["owner", "reviewer", "auditor"],
  managePeople: ["owner"],
  manageDatasets: ["owner"],
  manageBudgets: ["owner"],
  seeAllBudgets: ["owner", "reviewer", "auditor"],
  seeAudit: ["owner", "auditor"],
  seeDiagnostics: ["owner", "auditor"],
  comment: ["owner", "reviewer", "researcher"],
  settings: ["owner"],
} satisfies Record<string, Role[]>;

export type Ability = keyof typeof table;

export function can(role: Role, ability: Ability): boolean {
  return (table[ability] as Role[]).includes(role);
}
