/** Reads a chosen file in the browser: its header, and its values where the owner agreed. */

import { CsvRecords, readHeader } from "./csv";
import { parquetColumns } from "./parquet";
import { fromName, likelyUnit, Values, type ColumnKind, type Proposal } from "./propose";

export type FileFormat = "csv" | "csv.gz" | "parquet";

export const ACCEPTED = ".csv,.gz,.parquet,text/csv,application/gzip";

/** As the site takes a column's name: an SQL identifier that needs no quotes. */
export const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

export function formatOf(name: string): FileFormat | null {
  const lower = name.toLowerCase();
  if (lower.endsWith(".csv")) return "csv";
  if (lower.endsWith(".csv.gz")) return "csv.gz";
  return lower.endsWith(".parquet") ? "parquet" : null;
}

export interface FoundColumn extends Proposal {
  name: string;
  /** "name": a word in it is known. "file": the file says its type. "none": a mere default. */
  from: "name" | "file" | "none";
}

export interface Header {
  format: FileFormat;
  delimiter: string;
  names: string[];
  columns: FoundColumn[];
  /** Names that the site could not use, and why. */
  unusable: { name: string; why: string }[];
  unit: string;
}

const FIRST = 1024 * 1024;

/** The names of the columns, and what they suggest. Only the first line is looked at. */
export async function readFileHeader(file: File): Promise<Header> {
  const format = formatOf(file.name);
  if (format === null) {
    throw new Error("Choose a file that ends in .csv, .csv.gz or .parquet.");
  }
  if (file.size === 0) throw new Error("This file is empty.");
  if (format === "parquet") {
    const found = await parquetColumns(file);
    return headerOf(
      format,
      "",
      found.map(({ name }) => name),
      new Map(found.map(({ name, kind }) => [name, kind])),
    );
  }
  const { delimiter, names } = readHeader(await firstText(file, format));
  if (!names.some((name) => name !== "")) {
    throw new Error("The first line is blank. It has to name the columns.");
  }
  return headerOf(format, delimiter, names, new Map());
}

function headerOf(
  format: FileFormat,
  delimiter: string,
  names: string[],
  kinds: ReadonlyMap<string, ColumnKind | null>,
): Header {
  const unusable: Header["unusable"] = [];
  const usable: string[] = [];
  const folded = new Set<string>();
  for (const name of names) {
    if (folded.has(name.toLowerCase())) {
      throw new Error(
        `Two columns are named “${name}” (upper and lower case count as the same). Rename one in the file.`,
      );
    }
    folded.add(name.toLowerCase());
    if (kinds.get(name) === null) {
      unusable.push({ name, why: "holds lists, records or bytes, which cannot be taken in" });
    } else if (!NAME.test(name)) {
      unusable.push({
        name: name === "" ? "(no name)" : name,
        why: "a name may have letters without accents, digits and _, and begins with no digit",
      });
    } else usable.push(name);
  }
  const columns = usable.map((name): FoundColumn => {
    const { guessed, ...proposal } = fromName(name);
    const kind = kinds.get(name);
    if (kind === undefined || kind === null) return { name, ...proposal, from: guessed ? "name" : "none" };
    const agrees = kind === proposal.type;
    return { name, ...(agrees ? proposal : { ...fromName(""), guessed: undefined }), type: kind, from: "file" };
  });
  return { format, delimiter, names, columns, unusable, unit: likelyUnit(usable) ?? "" };
}

async function firstText(file: File, format: FileFormat): Promise<string> {
  const reader = textOf(file, format).getReader();
  let text = "";
  try {
    while (text.length < FIRST && !/[\r\n]./s.test(text)) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
  } catch {
    throw new Error(
      format === "csv.gz"
        ? "This file is not gzip, or not UTF-8 inside."
        : "This file is not UTF-8. Save it as UTF-8 and choose it again.",
    );
  } finally {
    void reader.cancel().catch(() => {});
  }
  return text;
}

function textOf(file: Blob, format: FileFormat): ReadableStream<string> {
  const bytes =
    format === "csv.gz"
      ? file.stream().pipeThrough(new DecompressionStream("gzip"))
      : file.stream();
  return bytes.pipeThrough(
    new TextDecoderStream("utf-8", { fatal: true }) as TransformStream<Uint8Array, string>,
  );
}

export interface Scan {
  proposals: Map<string, Proposal | null>;
  missing: Set<string>;
  rows: number;
  units: number;
}

const MOST_UNITS = 5_000_000;

/** Reads every value, in this browser. `onRows` hears how many rows were read. */
export async function scanValues(
  file: File,
  header: Header,
  unit: string,
  onRows: (rows: number) => void,
  signal: AbortSignal,
): Promise<Scan> {
  const usable = new Set(header.columns.map(({ name }) => name));
  const values = header.names.map((name) => (usable.has(name) ? new Values() : null));
  const unitAt = header.names.indexOf(unit);
  const units = new Set<string>();
  const take: Take = (at, text) => {
    if (at !== unitAt) values[at]?.add(text);
    else if (units.size < MOST_UNITS) units.add(text);
  };
  const rows = await (header.format === "parquet" ? readParquet : readCsv)(
    file,
    header,
    take,
    onRows,
    signal,
  );
  const proposals = new Map<string, Proposal | null>();
  const missing = new Set<string>();
  header.names.forEach((name, at) => {
    const found = values[at];
    if (!found || at === unitAt) return;
    proposals.set(name, found.proposal());
    if (found.missing) missing.add(name);
  });
  return { proposals, missing, rows, units: units.size };
}

/** Takes a value, as text, of the column at this place in the header. */
export type Take = (at: number, text: string) => void;

type Reader = (
  file: File,
  header: Header,
  take: Take,
  onRows: (rows: number) => void,
  signal: AbortSignal,
) => Promise<number>;

const readParquet: Reader = async (file, header, take, onRows, signal) => {
  const { parquetValues } = await import("./parquetValues");
  const usable = new Set(header.columns.map(({ name }) => name));
  const columns = [...header.names.entries()].filter(([, name]) => usable.has(name));
  return parquetValues(file, columns, take, onRows, signal);
};

const readCsv: Reader = async (file, header, take, onRows, signal) => {
  let rows = -1; // the header is the first record
  const records = new CsvRecords(header.delimiter, (record) => {
    rows += 1;
    if (rows === 0) return;
    for (let at = 0; at < header.names.length; at += 1) take(at, record[at] ?? "");
  });
  const reader = textOf(file, header.format).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw new DOMException("Stopped", "AbortError");
      if (done) break;
      records.push(value);
      onRows(Math.max(0, rows));
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
  records.end();
  return Math.max(0, rows);
};
