/** What code returned, from its bytes: data that is read, and never run. Pure. */

import type { OutputItem } from "@/api/code";

export type Cell = string | number | boolean | null;

export interface Table {
  columns: string[];
  /** How many of the first columns label the rows. */
  index: number;
  rows: Cell[][];
}

export interface ArraySummary {
  dtype: string;
  shape: number[];
  count: number;
  /** Of finite numbers; null for an array without any. */
  least: number | null;
  most: number | null;
  mean: number | null;
  /** NaN and infinities. */
  odd: number;
  /** The first values, as they lie in the file. */
  first: Cell[];
}

export interface Tensor {
  name: string;
  dtype: string;
  shape: number[];
}

export type Content =
  | { kind: "value"; value: unknown }
  | { kind: "table"; table: Table }
  | { kind: "array"; summary: ArraySummary }
  | { kind: "tensors"; tensors: Tensor[] }
  | { kind: "figure" }
  | { kind: "opaque"; why: string };

const KINDS: Record<OutputItem["kind"], string> = {
  value: "Value",
  table: "Table",
  frame: "Table (Arrow)",
  array: "Array",
  tensors: "Tensors",
  figure: "Figure",
};

export function kindWords(item: OutputItem): string {
  const [first, second] = item.shape;
  const shape = item.shape.join(" × ");
  switch (item.kind) {
    case "table":
    case "frame":
      return item.shape.length === 2 ? `${KINDS[item.kind]}, ${first} × ${second}` : KINDS[item.kind];
    case "array":
      return [KINDS.array, item.dtype, shape].filter(Boolean).join(", ");
    case "figure":
      return item.shape.length >= 2 ? `${KINDS.figure}, ${second} × ${first} pixels` : KINDS.figure;
    default:
      return KINDS[item.kind];
  }
}

const ENDINGS: Record<OutputItem["kind"], string> = {
  value: "json",
  table: "json",
  frame: "arrow",
  array: "npy",
  tensors: "safetensors",
  figure: "png",
};

/** Under which name it is saved. */
export function fileName(item: OutputItem): string {
  return `${item.name.replaceAll(/[^A-Za-z0-9_.-]/g, "_")}.${ENDINGS[item.kind]}`;
}

/** Never throws: what cannot be read is said, and can still be downloaded. */
export function readItem(item: OutputItem, bytes: Uint8Array): Content {
  try {
    switch (item.kind) {
      case "value":
        return { kind: "value", value: JSON.parse(text(bytes)) as unknown };
      case "table":
        return { kind: "table", table: readTable(bytes) };
      case "array":
        return { kind: "array", summary: readArray(bytes) };
      case "tensors":
        return { kind: "tensors", tensors: readTensors(bytes) };
      case "figure":
        return { kind: "figure" };
      case "frame":
        return { kind: "opaque", why: "An Arrow file: download it to read it." };
    }
  } catch (error) {
    return {
      kind: "opaque",
      why: `It cannot be shown here${error instanceof Error ? `: ${error.message}` : ""}.`,
    };
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function isCell(value: unknown): value is Cell {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function readTable(bytes: Uint8Array): Table {
  const { columns, index, rows } = JSON.parse(text(bytes)) as Partial<Table>;
  if (!Array.isArray(columns) || !Array.isArray(rows)) throw new Error("it is no table");
  const good = rows.every(
    (row) => Array.isArray(row) && row.length === columns.length && row.every(isCell),
  );
  if (!good) throw new Error("its rows differ in length");
  return { columns: columns.map(String), index: Number(index ?? 0), rows };
}

const NPY = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const FIRST = 12;

/** Format 1.0 to 3.0: a magic number, a header in Python's own words, then plain numbers. */
function readArray(bytes: Uint8Array): ArraySummary {
  if (!NPY.every((byte, at) => bytes[at] === byte)) throw new Error("it is no NumPy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (bytes[6] ?? 1) > 1;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const dtype = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const inside = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (dtype === undefined || inside === undefined) throw new Error("its header cannot be read");
  const shape = inside
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  return summary(view, start + length, dtype, shape);
}

type Get = (view: DataView, at: number, little: boolean) => number | boolean;

const TYPES: Record<string, [size: number, get: Get]> = {
  b1: [1, (view, at) => view.getUint8(at) !== 0],
  i1: [1, (view, at) => view.getInt8(at)],
  u1: [1, (view, at) => view.getUint8(at)],
  i2: [2, (view, at, little) => view.getInt16(at, little)],
  u2: [2, (view, at, little) => view.getUint16(at, little)],
  i4: [4, (view, at, little) => view.getInt32(at, little)],
  u4: [4, (view, at, little) => view.getUint32(at, little)],
  i8: [8, (view, at, little) => Number(view.getBigInt64(at, little))],
  u8: [8, (view, at, little) => Number(view.getBigUint64(at, little))],
  f4: [4, (view, at, little) => view.getFloat32(at, little)],
  f8: [8, (view, at, little) => view.getFloat64(at, little)],
};

function summary(view: DataView, start: number, dtype: string, shape: number[]): ArraySummary {
  const count = shape.reduce((product, side) => product * side, 1);
  const [size, get] = TYPES[dtype.slice(1)] ?? [];
  const known: ArraySummary = {
    dtype, shape, count, least: null, most: null, mean: null, odd: 0, first: [],
  };
  if (size === undefined || get === undefined) return known;
  if (!(count >= 0) || start + count * size > view.byteLength) throw new Error("it is cut off");
  const little = !dtype.startsWith(">");
  let [sum, finite] = [0, 0];
  for (let n = 0; n < count; n += 1) {
    const value = get(view, start + n * size, little);
    if (n < FIRST) known.first.push(value);
    const number = Number(value);
    if (!Number.isFinite(number)) {
      known.odd += 1;
      continue;
    }
    finite += 1;
    sum += number;
    if (known.least === null || number < known.least) known.least = number;
    if (known.most === null || number > known.most) known.most = number;
  }
  known.mean = finite > 0 ? sum / finite : null;
  return known;
}

/** The header of a safetensors file: eight bytes of length, then JSON. */
function readTensors(bytes: Uint8Array): Tensor[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(text(bytes.subarray(8, 8 + length))) as Record<
    string,
    { dtype: string; shape: number[] }
  >;
  return Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
}

/** RFC 4180. Empty: a missing cell. */
export function tableToCsv({ columns, rows }: Table): string {
  return [columns, ...rows].map(csvLine).join("");
}

function csvLine(cells: readonly Cell[]): string {
  return `${cells.map((cell) => quoted(cell === null ? "" : String(cell))).join(",")}\r\n`;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export function fromBase64(content: string): Uint8Array {
  return Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
}

const CHUNK = 0x8000;

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(binary);
}
