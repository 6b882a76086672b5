/** A decision as it is being made, and the one that is sent. Pure. */

import type { Finding, HeldOutput, Level, OutputItem, ReleaseDecision, Transform } from "@/api/code";
import type { CellMark } from "@/components/code/ItemContent";

export interface ItemChoice {
  leaves: boolean;
  /** Numbers become multiples of this; empty: as they are. */
  round: string;
  /** Whether the cells that the checks marked are taken out. */
  suppress: boolean;
}

export interface DecisionForm {
  decision: "" | "release" | "withhold";
  /** By the item's name; what is not here leaves as it is. */
  items: Record<string, ItemChoice>;
  reason: string;
}

export const EMPTY: DecisionForm = { decision: "", items: {}, reason: "" };
export const AS_IT_IS: ItemChoice = { leaves: true, round: "", suppress: false };

/** Only tables and values can be changed before they leave. */
export function changeable(kind: string): boolean {
  return kind === "table" || kind === "value";
}

const GRAVITY: readonly Level[] = ["alarm", "warning", "note"];

/** The cells that findings are about, each with the gravest of them. */
export function marksOf(findings: readonly Finding[], suppress: boolean): Map<string, CellMark> {
  const marks = new Map<string, CellMark>();
  for (const level of GRAVITY) {
    for (const finding of findings.filter((each) => each.level === level)) {
      for (const [row, column] of finding.cells ?? []) {
        const place = `${row}:${column}`;
        if (!marks.has(place)) marks.set(place, { level, words: finding.message });
      }
    }
  }
  if (suppress) {
    for (const [row, column] of graveCells(findings)) {
      const mark = marks.get(`${row}:${column}`);
      if (mark) mark.suppressed = true;
    }
  }
  return marks;
}

/** The cells that taking out takes out: those of alarms and warnings; of notes, if there are no others. */
export function graveCells(findings: readonly Finding[]): [number, number][] {
  const grave = findings.filter(({ level }) => level !== "note");
  const of = grave.some(({ cells }) => (cells ?? []).length > 0) ? grave : findings;
  const cells = new Map<string, [number, number]>();
  for (const finding of of) {
    for (const [row, column] of finding.cells ?? []) cells.set(`${row}:${column}`, [row, column]);
  }
  return [...cells.values()];
}

export type Wrong = { decision?: string; reason?: string; items?: string; rounds: Record<string, string> };

export function wrongIn(form: DecisionForm, output: HeldOutput): Wrong {
  const wrong: Wrong = { rounds: {} };
  if (form.decision === "") wrong.decision = "Choose one.";
  if (form.decision === "withhold" && form.reason.trim() === "") {
    wrong.reason = "Give a reason; whoever asked will read it.";
  }
  if (form.decision !== "release") return wrong;
  const choices = output.items.map(({ item }) => ({ item, ...(form.items[item.name] ?? AS_IT_IS) }));
  if (choices.length > 0 && choices.every(({ leaves }) => !leaves)) {
    wrong.items = "Choose what leaves, or withhold it all with a reason.";
  }
  for (const { item, leaves, round } of choices) {
    if (leaves && round.trim() !== "" && !(Number(round) > 0)) {
      wrong.rounds[item.name] = "A number above 0.";
    }
  }
  return wrong;
}

export function isWrong(wrong: Wrong): boolean {
  return Boolean(wrong.decision ?? wrong.reason ?? wrong.items) || Object.keys(wrong.rounds).length > 0;
}

/** What is sent, for the output with this digest and no other. */
export function decisionOf(form: DecisionForm, output: HeldOutput): ReleaseDecision {
  const base = { digest: output.digest, reason: form.reason.trim() };
  if (form.decision === "withhold") {
    return { ...base, decision: "withhold", items: null, transforms: [] };
  }
  const choices = output.items.map(({ item }) => ({ item, ...(form.items[item.name] ?? AS_IT_IS) }));
  const leaving = choices.filter(({ leaves }) => leaves);
  return {
    ...base,
    decision: "release",
    items: leaving.length === choices.length ? null : leaving.map(({ item }) => item.name),
    transforms: leaving.flatMap(({ item, ...choice }) => {
      const own = output.findings.filter((finding) => finding.item === item.name);
      const change = changeOf(item, choice, own);
      return change === null ? [] : [change];
    }),
  };
}

/** What is done to an item before it leaves; null where nothing is. */
export function changeOf(
  item: OutputItem,
  choice: ItemChoice,
  findings: readonly Finding[],
): Transform | null {
  if (!choice.leaves || !changeable(item.kind)) return null;
  const cells = choice.suppress && item.kind === "table" ? graveCells(findings) : [];
  const step = choice.round.trim() === "" ? null : Number(choice.round);
  if (step === null && cells.length === 0) return null;
  return { item: item.name, round_to: step, suppress: cells };
}
