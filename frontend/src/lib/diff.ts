/** What changed between two texts: lines first, then words inside lines that were replaced. */

export type Change = "same" | "added" | "removed";

export interface Part {
  change: Change;
  text: string;
}

export interface DiffLine {
  change: Change;
  /** The line in parts: those marked otherwise than "same" are what changed in it. */
  parts: Part[];
}

/** Beyond this many steps a table of all pairs would cost too much: everything counts as replaced. */
const MOST_PAIRS = 1_000_000;

function same(text: string): Part {
  return { change: "same", text };
}

/** The longest common subsequence, as a script of what is the same, removed and added. */
function script(before: readonly string[], after: readonly string[]): Part[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let tail = 0;
  while (
    tail < before.length - start &&
    tail < after.length - start &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) {
    tail += 1;
  }
  return [
    ...before.slice(0, start).map(same),
    ...middle(before.slice(start, before.length - tail), after.slice(start, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

function middle(before: readonly string[], after: readonly string[]): Part[] {
  const removed = before.map((text): Part => ({ change: "removed", text }));
  const added = after.map((text): Part => ({ change: "added", text }));
  if (before.length * after.length > MOST_PAIRS) return [...removed, ...added];
  const width = after.length + 1;
  const longest = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] =
        before[i] === after[j]
          ? (longest[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(longest[(i + 1) * width + j] ?? 0, longest[i * width + j + 1] ?? 0);
    }
  }
  const parts: Part[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const old = before[i];
    const fresh = after[j];
    if (old !== undefined && old === fresh) {
      parts.push({ change: "same", text: old });
      i += 1;
      j += 1;
    } else if (
      old !== undefined &&
      (fresh === undefined ||
        (longest[(i + 1) * width + j] ?? 0) >= (longest[i * width + j + 1] ?? 0))
    ) {
      parts.push({ change: "removed", text: old });
      i += 1;
    } else {
      parts.push({ change: "added", text: fresh ?? "" });
      j += 1;
    }
  }
  return parts;
}

const WORD = /\p{N}+(?:\.\p{N}+)?|[\p{L}_][\p{L}\p{N}_]*|\s+|[^\p{L}\p{N}_\s]/gu;

/** Words, numbers, spaces and signs, each on its own. */
function words(text: string): string[] {
  return text.match(WORD) ?? [];
}

function joined(parts: readonly Part[]): Part[] {
  const together: Part[] = [];
  for (const part of parts) {
    const last = together.at(-1);
    if (last?.change === part.change) last.text += part.text;
    else together.push({ ...part });
  }
  return together;
}

/** Below this share of common text a comparison by words is harder to read than both texts. */
const ALIKE = 0.45;

/** One run of text with what was taken out and put in; null when little of it is the same. */
export function diffWords(before: string, after: string): Part[] | null {
  const parts = script(words(before), words(after));
  const kept = parts
    .filter((part) => part.change === "same")
    .reduce((sum, part) => sum + part.text.trim().length, 0);
  const longer = Math.max(before.replace(/\s/g, "").length, after.replace(/\s/g, "").length);
  return kept < ALIKE * longer ? null : joined(parts);
}

/** For code: line by line. */
export function diffLines(before: string, after: string): DiffLine[] {
  const lines = script(before.split("\n"), after.split("\n"));
  const shown: DiffLine[] = [];
  let at = 0;
  while (at < lines.length) {
    const removed: string[] = [];
    const added: string[] = [];
    while (at < lines.length && lines[at]?.change !== "same") {
      const part = lines[at];
      (part?.change === "removed" ? removed : added).push(part?.text ?? "");
      at += 1;
    }
    shown.push(...replaced(removed, added));
    const kept = lines[at];
    if (kept) shown.push({ change: "same", parts: [kept] });
    at += 1;
  }
  return shown;
}

function changedLine(change: "added" | "removed", text: string, parts: Part[] | null): DiffLine {
  const own = parts?.filter((part) => part.change === "same" || part.change === change);
  return { change, parts: own ?? [{ change, text }] };
}

/** Lines that stand in place of others are compared with them word by word, in their order. */
function replaced(removed: readonly string[], added: readonly string[]): DiffLine[] {
  const pair = removed.map((old, index) => {
    const other = added[index];
    return other === undefined ? null : diffWords(old, other);
  });
  return [
    ...removed.map((text, index) => changedLine("removed", text, pair[index] ?? null)),
    ...added.map((text, index) => changedLine("added", text, pair[index] ?? null)),
  ];
}
