/** A program's parameters and limits, as people read and write them. Pure. */

import type { Reach, RunLimits } from "@/api/code";
import { formatBytes, formatCount, formatDuration, plural } from "./format";

export type Scalar = boolean | number | string | null;
export type ParameterValue = Scalar | Scalar[];
export type Bound = Reach["bounds"][string];

/** As Python writes it: True, None, 'text', (1, 2). */
export function pythonValue(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) {
    const inside = value.map(pythonValue).join(", ");
    return value.length === 1 ? `(${inside},)` : `(${inside})`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** "age_from = 18, region = "north"", or "none". */
export function parametersInWords(parameters: Record<string, unknown> | undefined): string {
  const all = Object.entries(parameters ?? {});
  return all.map(([name, value]) => `${name} = ${pythonValue(value)}`).join(", ") || "none";
}

/** What somebody typed as a value of Python's: numbers, "text", True, None, and lists of those. */
export function readValue(typed: string): ParameterValue | undefined {
  const text = typed.trim();
  const list = /^\((.*)\)$/s.exec(text) ?? /^\[(.*)\]$/s.exec(text);
  if (list) {
    const inside = (list[1] ?? "").trim().replace(/,$/, "");
    if (inside === "") return [];
    const values = split(inside).map(readScalar);
    return values.includes(undefined) ? undefined : (values as Scalar[]);
  }
  return readScalar(text);
}

/** At the commas that stand outside quotes. */
function split(text: string): string[] {
  return text.match(/(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^,"'])+/g) ?? [];
}

export function readScalar(typed: string): Scalar | undefined {
  const text = typed.trim();
  if (text === "None") return null;
  if (text === "True" || text === "False") return text === "True";
  if (/^[+-]?(\d[\d_]*)(\.\d*)?([eE][+-]?\d+)?$|^[+-]?\.\d+([eE][+-]?\d+)?$/.test(text)) {
    const value = Number(text.replaceAll("_", ""));
    return Number.isFinite(value) ? value : undefined;
  }
  const single = /^'((?:\\.|[^'\\])*)'$/.exec(text)?.[1];
  const quoted = single === undefined ? text : `"${single.replaceAll("\\'", "'").replaceAll('"', '\\"')}"`;
  if (!/^"(?:\\.|[^"\\])*"$/s.test(quoted)) return undefined;
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

/** "any whole number from 18 to 90", "one of 'a' or 'b'". */
export function boundWords(bound: Bound): string {
  if (bound.kind === "choice") {
    const values = bound.values.map(pythonValue);
    const last = values.pop() ?? "";
    return values.length === 0 ? `only ${last}` : `one of ${values.join(", ")} or ${last}`;
  }
  return `any ${bound.whole ? "whole " : ""}number from ${bound.lower} to ${bound.upper}`;
}

/** What an approval covers beside just this run. */
export function reachWords(reach: Reach): string {
  const bounds = Object.entries(reach.bounds).map(([name, bound]) => `${name}: ${boundWords(bound)}`);
  return `${plural(reach.runs, "run")} in all within ${plural(reach.days, "day")}, with ${bounds.join("; ")}`;
}

export function limitRows(limits: RunLimits): [label: string, words: string][] {
  return [
    ["Time", formatDuration(limits.wall_seconds * 1000)],
    ["Processor time", formatDuration(limits.cpu_seconds * 1000)],
    ["Memory", formatBytes(limits.memory_bytes)],
    ["Processes and threads", formatCount(limits.processes)],
    ["Files in /tmp", formatBytes(limits.scratch_bytes)],
    ["What it returns", formatBytes(limits.output_bytes)],
    ["What it prints", formatBytes(limits.log_bytes)],
  ];
}
