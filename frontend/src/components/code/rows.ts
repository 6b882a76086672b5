/** A file as the lines that are shown of it: whole, or as what changed in it. Pure. */

import { diffLines, type Change, type Part } from "@/lib/diff";

export interface Row {
  change: Change;
  /** Its number in the file as it is now; null for a line that is gone. */
  number: number | null;
  /** Its number before; null for a line that is new. */
  old: number | null;
  /** What changed inside the line. */
  parts: Part[];
}

/** Rows that did not change, and are far from any that did. */
export interface Fold {
  fold: Row[];
}

/** Unchanged lines that are shown around each change. */
const AROUND = 3;
/** Fewer are not worth folding away. */
const LEAST = 3;

export function wholeRows(text: string): Row[] {
  return withoutEnd(text).split("\n").map((line, index) => ({
    change: "same",
    number: index + 1,
    old: null,
    parts: [{ change: "same", text: line }],
  }));
}

/** A file's last line ends too: behind that end is no further line to be read. */
function withoutEnd(text: string): string {
  return text.replace(/\n$/, "");
}

export function diffRows(was: string, is: string): Row[] {
  const [before, after] = [withoutEnd(was), withoutEnd(is)];
  let number = 0;
  let old = 0;
  const lines = before === "" ? wholeAdded(after) : after === "" ? wholeGone(before) : diffLines(before, after);
  return lines.map(({ change, parts }) => {
    if (change !== "removed") number += 1;
    if (change !== "added") old += 1;
    return {
      change,
      number: change === "removed" ? null : number,
      old: change === "added" ? null : old,
      parts,
    };
  });
}

function wholeAdded(text: string) {
  return all(text, "added");
}

function wholeGone(text: string) {
  return all(text, "removed");
}

function all(text: string, change: Change): { change: Change; parts: Part[] }[] {
  return text.split("\n").map((line) => ({ change, parts: [{ change, text: line }] }));
}

/** The same rows, with long stretches that did not change folded; `keep` says which stay. */
export function folded(rows: readonly Row[], keep: (row: Row) => boolean): (Row | Fold)[] {
  const near = new Set<number>();
  for (const [at, row] of rows.entries()) {
    if (row.change === "same" && !keep(row)) continue;
    for (let by = -AROUND; by <= AROUND; by += 1) near.add(at + by);
  }
  const shown: (Row | Fold)[] = [];
  let hidden: Row[] = [];
  const flush = () => {
    if (hidden.length > LEAST) shown.push({ fold: hidden });
    else shown.push(...hidden);
    hidden = [];
  };
  for (const [at, row] of rows.entries()) {
    if (near.has(at)) {
      flush();
      shown.push(row);
    } else {
      hidden.push(row);
    }
  }
  flush();
  return shown;
}

export function counted(rows: readonly Row[]): { added: number; removed: number } {
  let added = 0;
  let removed = 0;
  for (const { change } of rows) {
    if (change === "added") added += 1;
    if (change === "removed") removed += 1;
  }
  return { added, removed };
}

/** The id of a line's element, to go to it. */
export const lineId = (path: string, line: number) => `line-${path}-${line}`;
/** Of the button that is its number. */
export const numberId = (path: string, line: number) => `number-${path}-${line}`;
