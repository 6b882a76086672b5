/**
 * The names and kinds of a Parquet file's columns, from the description at its end. No values are
 * read. (Thrift's compact protocol; field numbers as in parquet.thrift.)
 */

import type { ColumnKind } from "./propose";

export interface ParquetColumn {
  name: string;
  kind: ColumnKind | null;
}

type Thrift = number | string | boolean | Thrift[] | Map<number, Thrift>;

const LONGEST = 64 * 1024 * 1024;
const utf8 = new TextDecoder();

export async function parquetColumns(file: Blob): Promise<ParquetColumn[]> {
  const tail = new DataView(await file.slice(Math.max(0, file.size - 8)).arrayBuffer());
  if (tail.byteLength >= 8 && tail.getUint32(4) === 0x50415245) {
    throw new Error("This Parquet file is encrypted. Write it anew without encryption.");
  }
  if (tail.byteLength < 8 || tail.getUint32(4) !== 0x50415231) {
    throw new Error("This file does not end as a Parquet file does. It may be cut short.");
  }
  const length = tail.getUint32(0, true);
  if (length > LONGEST || length + 8 > file.size) {
    throw new Error("The description at the end of this Parquet file is damaged.");
  }
  const footer = await file.slice(file.size - 8 - length, file.size - 8).arrayBuffer();
  const schema = new Compact(new Uint8Array(footer)).struct().get(2);
  if (!Array.isArray(schema)) throw new Error("This Parquet file does not describe its columns.");
  return topLevel(schema as Map<number, Thrift>[]);
}

/** The schema is a tree, listed depth first; what has parts of its own cannot be taken in. */
function topLevel(schema: Map<number, Thrift>[]): ParquetColumn[] {
  const columns: ParquetColumn[] = [];
  let at = 1;
  while (at < schema.length) {
    const element = schema[at] as Map<number, Thrift>;
    const nested = Number(element.get(5) ?? 0) > 0 || element.get(3) === 2;
    columns.push({
      name: String(element.get(4) ?? ""),
      kind: nested ? null : kindOf(element),
    });
    let pending = 1;
    while (pending > 0 && at < schema.length) {
      pending += Number(schema[at]?.get(5) ?? 0) - 1;
      at += 1;
    }
  }
  return columns;
}

/* Of parquet.thrift: Type (field 1), ConvertedType (6) and the fields of LogicalType (10). */
const BOOLEAN = 0;
const INT32 = 1;
const INT64 = 2;
const INT96 = 3; // a moment, as older programs write it
const FLOAT = 4;
const DOUBLE = 5;
const FIXED_BYTES = 7;
const CONVERTED = { decimal: 5, times: [6, 7, 8, 9, 10] };
const LOGICAL = { decimal: 5, times: [6, 7, 8], uuid: 14, half: 15 };

/** Null: no plain value. Dates and times are texts to the site, whatever they are stored as. */
function kindOf(element: Map<number, Thrift>): ColumnKind | null {
  const converted = Number(element.get(6) ?? -1);
  const stated = element.get(10);
  const logical = stated instanceof Map ? [...stated.keys()][0] : undefined;
  const decimal = converted === CONVERTED.decimal || logical === LOGICAL.decimal;
  if (decimal) return Number(element.get(7) ?? 0) > 0 ? "real" : "integer";
  switch (element.get(1)) {
    case BOOLEAN:
      return "boolean";
    case INT32:
    case INT64:
      return CONVERTED.times.includes(converted) || LOGICAL.times.includes(logical ?? -1)
        ? "category"
        : "integer";
    case INT96:
      return "category";
    case FLOAT:
    case DOUBLE:
      return "real";
    case FIXED_BYTES:
      return logical === LOGICAL.uuid ? "category" : logical === LOGICAL.half ? "real" : null;
    default:
      return "category";
  }
}

class Compact {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  struct(): Map<number, Thrift> {
    const fields = new Map<number, Thrift>();
    let id = 0;
    for (;;) {
      const head = this.byte();
      if (head === 0) return fields;
      const delta = head >> 4;
      id = delta === 0 ? this.zigzag() : id + delta;
      const kind = head & 15;
      fields.set(id, kind === 1 ? true : kind === 2 ? false : this.value(kind));
    }
  }

  private value(kind: number): Thrift {
    switch (kind) {
      case 1:
      case 2:
        return this.byte() === 1;
      case 3:
        return this.byte();
      case 4:
      case 5:
      case 6:
        return this.zigzag();
      case 7:
        this.at += 8; // a double: none that is needed
        return 0;
      case 8: {
        const length = this.varint();
        this.at += length;
        return utf8.decode(this.bytes.subarray(this.at - length, this.at));
      }
      case 9:
      case 10: {
        const head = this.byte();
        const size = head >> 4 === 15 ? this.varint() : head >> 4;
        return Array.from({ length: size }, () => this.value(head & 15));
      }
      case 12:
        return this.struct();
      default:
        throw new Error("The description at the end of this Parquet file cannot be read.");
    }
  }

  private byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) {
      throw new Error("The description at the end of this Parquet file is cut short.");
    }
    this.at += 1;
    return value;
  }

  /** As a double: what is above 2^53 is never used. */
  private varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  private zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
