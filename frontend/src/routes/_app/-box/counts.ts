/** What a block would count as that returned what a run on made-up rows did. Pure.

 The worker decides by the same rules; here they are for whoever tries a function out. */

import type { MockRun } from "@/api/code";
import { fromBase64, readItem } from "@/lib/outputItem";

export type Counted =
  | { kind: "numbers"; numbers: number[] }
  /** It counts as one that failed. */
  | { kind: "failed"; why: string }
  /** It is too long, or of a form that is not read here. */
  | { kind: "unknown" };

/** `length`: of the numbers that were announced. */
export function counted(run: MockRun, length: number): Counted {
  if (run.report?.ending !== "returned") return failed("It returned nothing in time.");
  const [only, ...others] = run.items;
  if (only === undefined || others.length > 0) {
    return failed("It has to return one thing: a number, or a list of them.");
  }
  const numbers = numbersOf(readItem(only.item, fromBase64(only.content)));
  if (numbers === null) return { kind: "unknown" };
  if (numbers === undefined || !numbers.every(isNumber)) {
    return failed("It returned something else than finite numbers.");
  }
  if (numbers.length !== length) {
    return failed(`It returned ${numbers.length}, and you announced ${length}.`);
  }
  return { kind: "numbers", numbers };
}

function failed(why: string): Counted {
  return { kind: "failed", why };
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Undefined for what is no vector; null for one that is not read here. */
function numbersOf(content: ReturnType<typeof readItem>): unknown[] | null | undefined {
  switch (content.kind) {
    case "value":
      return Array.isArray(content.value) ? (content.value as unknown[]) : [content.value];
    case "table": {
      const { columns, index, rows } = content.table;
      return columns.length === index + 1 ? rows.map((row) => row.at(-1)) : undefined;
    }
    case "array": {
      const { dtype, shape, count, first } = content.summary;
      if (shape.length > 1 || !/^[<>|=]?[iuf]/.test(dtype)) return undefined;
      return first.length === count ? first : null;
    }
    case "opaque":
      return null;
    default:
      return undefined;
  }
}
