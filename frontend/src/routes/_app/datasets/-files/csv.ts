/** CSV as the site reads it: a header line, quotes doubled, one of four delimiters. */

const DELIMITERS = [",", ";", "\t", "|"];

/** Splits text that comes in parts into records. A part may end anywhere, inside quotes too. */
export class CsvRecords {
  private field = "";
  private record: string[] = [];
  private quoted = false;
  private closing = false;
  private started = false;
  private skipLineFeed = false;

  constructor(
    private readonly delimiter: string,
    private readonly take: (record: string[]) => void,
  ) {}

  push(text: string): void {
    const { delimiter } = this;
    for (let at = 0; at < text.length; at += 1) {
      const char = text[at] as string;
      if (this.skipLineFeed) {
        this.skipLineFeed = false;
        if (char === "\n") continue;
      }
      if (this.quoted && !this.closing) {
        if (char === '"') this.closing = true;
        else this.field += char;
      } else if (this.closing && char === '"') {
        this.field += '"';
        this.closing = false;
      } else if (char === delimiter) {
        this.endField();
      } else if (char === "\n" || char === "\r") {
        this.skipLineFeed = char === "\r";
        this.endRecord();
      } else if (char === '"' && !this.started) {
        this.quoted = true;
        this.started = true;
      } else {
        this.field += char;
        this.started = true;
      }
    }
  }

  end(): void {
    if (this.started || this.field !== "" || this.record.length > 0) this.endRecord();
  }

  private endField(): void {
    this.record.push(this.field);
    this.field = "";
    this.quoted = this.closing = this.started = false;
  }

  private endRecord(): void {
    const blank = this.record.length === 0 && !this.started && this.field === "";
    this.endField();
    const { record } = this;
    this.record = [];
    if (!blank) this.take(record);
  }
}

/** The names in a first line, and the delimiter under which there are most of them. */
export function readHeader(text: string): { delimiter: string; names: string[] } {
  const tries = DELIMITERS.map((delimiter) => {
    let first: string[] | null = null;
    const records = new CsvRecords(delimiter, (record) => {
      first ??= record;
    });
    records.push(text);
    records.end();
    return { delimiter, names: (first ?? []) as string[] };
  });
  const best = tries.reduce((a, b) => (b.names.length > a.names.length ? b : a));
  return { delimiter: best.delimiter, names: best.names.map((name) => name.trim()) };
}
