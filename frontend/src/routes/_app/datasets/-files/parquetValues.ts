/** The values of a Parquet file as texts, in the browser: loaded only when an owner asks for it. */

import { decompress } from "fzstd";
import { parquetMetadataAsync, parquetRead, type FileMetaData } from "hyparquet";

import { said } from "../-upload/said";
import type { Take } from "./read";

/** Those that are read here; the site takes every one of them in. */
const CODECS = new Set(["UNCOMPRESSED", "SNAPPY", "ZSTD"]);

const compressors = {
  ZSTD: (input: Uint8Array, length: number) => decompress(input, new Uint8Array(length)),
};

const parsers = {
  dateFromDays: (days: number) => new Date(days * 86_400_000).toISOString().slice(0, 10),
  timestampFromMilliseconds: (millis: bigint) => moment(millis * 1_000_000n),
  timestampFromMicroseconds: (micros: bigint) => moment(micros * 1000n),
  timestampFromNanoseconds: moment,
  jsonFromBytes: (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes),
};

/**
 * Hands over each column of each group of rows, so that no more than one of them is in memory.
 * `onRows` hears how many rows were read; a file's own minima and maxima are not looked at.
 */
export async function parquetValues(
  file: Blob,
  columns: readonly [at: number, name: string][],
  take: Take,
  onRows: (rows: number) => void,
  signal: AbortSignal,
): Promise<number> {
  const source = {
    byteLength: file.size,
    slice: (start: number, end?: number) => file.slice(start, end).arrayBuffer(),
  };
  const metadata = await parquetMetadataAsync(source, { parsers, geoparquet: false });
  refuseUnread(metadata);
  let rows = 0;
  for (const group of metadata.row_groups) {
    const end = rows + Number(group.num_rows);
    for (const [at, name] of columns) {
      if (signal.aborted) throw new DOMException("Stopped", "AbortError");
      // oxlint-disable-next-line no-await-in-loop -- one at a time is what bounds the memory
      await parquetRead({
        file: source,
        metadata,
        columns: [name],
        rowStart: rows,
        rowEnd: end,
        compressors,
        parsers,
        geoparquet: false,
        onComplete: (read) => {
          for (const [value] of read) take(at, textOf(value));
        },
      });
    }
    rows = end;
    onRows(rows);
  }
  return rows;
}

function refuseUnread(metadata: FileMetaData): void {
  for (const group of metadata.row_groups) {
    for (const { meta_data: found } of group.columns) {
      if (found && !CODECS.has(found.codec)) {
        throw said(
          `This file is compressed by ${found.codec}, which cannot be read in a browser.`,
          "The site takes it in all the same. Write the ranges yourself, or use “carrel dataset propose --from-values”.",
        );
      }
    }
  }
}

/** As the site reads a value; empty for what it takes as missing. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isFinite(value) ? shortest(value) : "";
  return String(value);
}

/** A decimal as somebody wrote it, and not with the digits that binary numbers add. */
function shortest(value: number): string {
  if (Number.isInteger(value)) return String(value);
  if (Math.fround(value) !== value) return String(Number(value.toPrecision(15)));
  for (const digits of [6, 7, 8]) {
    const fewer = Number(value.toPrecision(digits));
    if (Math.fround(fewer) === value) return String(fewer);
  }
  return String(Number(value.toPrecision(9)));
}

function moment(nanos: bigint): string {
  const [day = "", time = ""] = new Date(Number(nanos / 1_000_000n)).toISOString().split("T");
  return `${day} ${time.replace(/\.?0*Z$/, "")}`;
}
