/**
 * Proposals for a table's columns. From names alone nothing private can come; from values it can,
 * so that is done only when the owner has read what it reveals and asked for it.
 */

export type ColumnKind = "integer" | "real" | "boolean" | "category";

export interface Proposal {
  type: ColumnKind;
  lower: string;
  upper: string;
  resolution: string;
  categories: string[];
}

const EMPTY: Proposal = { type: "category", lower: "", upper: "", resolution: "0.01", categories: [] };

/** Words in a name, what they stand for, and a public range where everybody would know one. */
const NAMES: [words: RegExp, proposal: Partial<Proposal>][] = [
  [/^(is|has|was|had|with|flag|any)_|_(flag|yn)$|^(smoker|deceased|died|dead|alive|pregnant|diabetic|consent|active)$/, { type: "boolean" }],
  [/(^|_)age(_|$)/, { type: "integer", lower: "0", upper: "120" }],
  [/(^|_)(birth_?year|yob|year_of_birth)(_|$)/, { type: "integer", lower: "1900", upper: "2030" }],
  [/(^|_)year(_|$)/, { type: "integer", lower: "1900", upper: "2100" }],
  [/(^|_)month(_|$)/, { type: "integer", lower: "1", upper: "12" }],
  [/(^|_)(weekday|day_of_week|dow)(_|$)/, { type: "integer", lower: "1", upper: "7" }],
  [/(^|_)day(_of_month)?$/, { type: "integer", lower: "1", upper: "31" }],
  [/(^|_)hour(_|$)/, { type: "integer", lower: "0", upper: "23" }],
  [/(^|_)(percent|percentage|pct)(_|$)/, { type: "real", lower: "0", upper: "100" }],
  [/(^|_)(probability|proportion|fraction|share|ratio)(_|$)/, { type: "real", lower: "0", upper: "1", resolution: "0.001" }],
  [/(^|_)(bmi)(_|$)/, { type: "real", lower: "10", upper: "80", resolution: "0.1" }],
  [/(^|_)height(_cm)?$/, { type: "real", lower: "30", upper: "250", resolution: "0.1" }],
  [/(^|_)weight(_kg)?$/, { type: "real", lower: "0", upper: "400", resolution: "0.1" }],
  [/(^|_)(systolic|sbp)(_|$)/, { type: "integer", lower: "50", upper: "280" }],
  [/(^|_)(diastolic|dbp)(_|$)/, { type: "integer", lower: "20", upper: "180" }],
  [/(^|_)(count|number|num|n|visits|children|days|hours|minutes|months|years|score|items|quantity|rooms|size)(_|$)/, { type: "integer" }],
  [/(^|_)(amount|income|salary|wage|cost|price|value|rate|mean|average|avg|sum|total|length|width|distance|area|level|temperature|glucose|cholesterol|dose|lat|lon|latitude|longitude)(_|$)/, { type: "real" }],
  [/(^|_)(sex|gender|country|region|city|type|kind|status|category|class|group|name|code|level|grade|education|occupation|language|ethnicity|race|marital|diagnosis|drug|ward|site|department)(_|$)/, { type: "category" }],
];

/** What a name suggests; `guessed` is false when nothing about it is known. */
export function fromName(name: string): Proposal & { guessed: boolean } {
  const bare = snake(name);
  const found = NAMES.find(([words]) => words.test(bare));
  return { ...EMPTY, ...found?.[1], guessed: found !== undefined };
}

const UNIT_NAMES = [
  /^(person|patient|user|customer|client|participant|subject|member|student|employee|household|unit|individual|citizen|donor|respondent)(_?(id|number|no|key|code|uuid|hash))?$/,
  /_(id|uuid|key|pseudonym)$/,
  /^(id|uuid|pseudonym|pid)$/,
];

/** The column that most likely says whom a row is about. */
export function likelyUnit(names: readonly string[]): string | undefined {
  for (const words of UNIT_NAMES) {
    const found = names.find((name) => words.test(snake(name)));
    if (found !== undefined) return found;
  }
  return undefined;
}

export function snake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_");
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const WHOLE = /^[+-]?\d+$/;
const TRUTHS = new Set(["true", "false", "t", "f", "yes", "no", "y", "n"]);
const MOST_VALUES = 200;

/** What one column's values come to, so far. */
export class Values {
  private whole = true;
  private numeric = true;
  private truth = true;
  private bits = true;
  private seen = 0;
  private low = Infinity;
  private high = -Infinity;
  private decimals = 0;
  private distinct: Set<string> | null = new Set();
  missing = false;

  add(value: string): void {
    const text = value.trim();
    if (text === "" || text === "NA" || text === "NaN" || text === "null" || text === "NULL") {
      this.missing = true;
      return;
    }
    this.seen += 1;
    this.truth &&= TRUTHS.has(text.toLowerCase());
    this.bits &&= text === "0" || text === "1";
    if (this.numeric && NUMBER.test(text)) {
      const number = Number(text);
      this.low = Math.min(this.low, number);
      this.high = Math.max(this.high, number);
      if (!WHOLE.test(text)) {
        this.whole = false;
        const point = text.indexOf(".");
        if (point >= 0) this.decimals = Math.max(this.decimals, text.length - point - 1);
      }
    } else this.numeric = false;
    if (this.distinct !== null) {
      this.distinct.add(value);
      if (this.distinct.size > MOST_VALUES) this.distinct = null;
    }
  }

  /** Null where nothing fits: texts of too many kinds, or no value at all. */
  proposal(): Proposal | null {
    if (this.seen === 0) return null;
    if (this.truth || this.bits) return { ...EMPTY, type: "boolean" };
    if (this.numeric) {
      const low = outwards(this.low, -1);
      const high = outwards(this.high, 1);
      if (this.whole) return { ...EMPTY, type: "integer", lower: plain(low), upper: plain(high) };
      const places = Math.min(Math.max(this.decimals, 1), 6);
      return {
        ...EMPTY,
        type: "real",
        lower: plain(low, places),
        upper: plain(high, places),
        resolution: (10 ** -places).toFixed(places),
      };
    }
    if (this.distinct === null) return null;
    return { ...EMPTY, type: "category", categories: [...this.distinct].toSorted() };
  }
}

/** Two leading digits, away from zero's side: the exact extreme is somebody's own value. */
function outwards(value: number, side: 1 | -1): number {
  if (value === 0) return 0;
  const step = 10 ** Math.max(Math.floor(Math.log10(Math.abs(value))) - 1, -6);
  const steps = value / step;
  return (side > 0 ? Math.ceil(steps - 1e-9) : Math.floor(steps + 1e-9)) * step;
}

function plain(value: number, places = 0): string {
  const fixed = value.toFixed(places);
  return places > 0 ? fixed.replace(/\.?0+$/, "") : fixed;
}

/** 31,283 as 30,000: what may be said of a size without saying it. */
export function roundly(count: number): number {
  if (count <= 0) return 1;
  const step = 10 ** Math.floor(Math.log10(count));
  return Math.max(1, Math.round(count / step) * step);
}
