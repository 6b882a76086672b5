/** An answer's values as rows, for reading, and as files. */

import type { Schemas } from "@/api/client";

export type Answer = Schemas["QueryAnswer"];
export type Measure = Schemas["MeasureValues"];
export type Key = Answer["keys"][number][number];

const LOCALE = "en-GB";

export interface AnswerRow {
  /** Its place in the answer. */
  at: number;
  keys: readonly Key[];
  label: string;
}

/** Rows in the order of the public keys; one without keys where nothing was grouped. */
export function answerRows(answer: Answer): AnswerRow[] {
  if (answer.group_by.length === 0) return [{ at: 0, keys: [], label: "All rows" }];
  return answer.keys.map((keys, at) => ({ at, keys, label: keys.map(formatKey).join(" · ") }));
}

export function formatKey(key: Key): string {
  if (key === null) return "missing";
  if (key === "") return "(empty text)";
  return typeof key === "boolean" ? (key ? "yes" : "no") : String(key);
}

/** Half the interval, where it is (nearly) even about the value; else null. */
export function halfWidth(measure: Measure, at: number): number | null {
  const [value, low, high] = valueOf(measure, at);
  const below = value - low;
  const above = high - value;
  const widest = Math.max(below, above);
  return Number.isFinite(widest) && Math.abs(below - above) <= 0.1 * widest ? widest : null;
}

export function valueOf(measure: Measure, at: number): [value: number, low: number, high: number] {
  const [value, low, high] = [measure.values[at], measure.low[at], measure.high[at]];
  return [value ?? Number.NaN, low ?? Number.NaN, high ?? Number.NaN];
}

/** With no more digits than its error leaves meaning to: two of the error's own. */
export function formatWithin(value: number, error: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "none";
  const places =
    Number.isFinite(error) && error > 0 ? Math.max(0, 1 - Math.floor(Math.log10(error))) : 2;
  const digits = Number.isInteger(value) ? 0 : Math.min(places, 12);
  return new Intl.NumberFormat(LOCALE, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** The error of `formatWithin`, as long as its value. */
export function formatError(error: number): string {
  if (!Number.isFinite(error)) return "unknown";
  const places = error > 0 ? Math.max(0, 1 - Math.floor(Math.log10(error))) : 0;
  return new Intl.NumberFormat(LOCALE, { maximumFractionDigits: Math.min(places, 12) }).format(error);
}

/** What a measure is, for somebody who did not write the question. */
export function measureWords(measure: Pick<Measure, "name" | "function">): string {
  if (measure.name === measure.function) return measure.name;
  const what = { count: "count", sum: "sum", avg: "average" }[measure.function];
  return `${measure.name} (${what})`;
}

/** RFC 4180, as the site answered: no rounding. Empty: a missing key. */
export function toCsv(answer: Answer): string {
  const head = [
    ...answer.group_by,
    ...answer.measures.flatMap(({ name }) => [name, `${name}_low`, `${name}_high`]),
  ];
  const lines = answerRows(answer).map(({ at, keys }) => [
    ...keys.map((key) => (key === null ? "" : String(key))),
    ...answer.measures.flatMap((measure) => valueOf(measure, at).map(String)),
  ]);
  return [head, ...lines].map((line) => `${line.map(csvCell).join(",")}\r\n`).join("");
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Offers `text` as a file; nothing leaves the browser. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
