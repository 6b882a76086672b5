/** Questions to begin with, made from a dataset's public columns. */

import type { Dataset } from "./form";

export interface Example {
  words: string;
  sql: string;
}

type Column = Dataset["table"]["columns"][number];

/** How many rows of an answer a column would make; null where it cannot be grouped by. */
export function groupSize(column: Column): number | null {
  const missing = column.nullable ? 1 : 0;
  switch (column.type) {
    case "boolean":
      return 2 + missing;
    case "category":
      return column.categories.length + missing;
    case "integer": {
      const values = column.upper - column.lower + 1;
      return values <= 10_000 ? values + missing : null;
    }
    default:
      return null;
  }
}

export function examplesOf(dataset: Dataset): Example[] {
  const from = dataset.name;
  const columns = dataset.table.columns;
  const groups = columns
    .filter((column) => (groupSize(column) ?? Infinity) <= 60)
    .toSorted((a, b) => rank(a) - rank(b));
  const numbers = columns.filter((column) => column.type === "integer" || column.type === "real");
  const measured = numbers.toSorted((a, b) => spread(b) - spread(a))[0];
  const group = groups[0];
  const whole = numbers.find((column) => column !== measured) ?? measured;
  const found: Example[] = [
    { words: "How many rows", sql: `SELECT COUNT(*) AS n\nFROM ${from}` },
  ];
  if (group) {
    const key = quoted(group.name);
    found.push({
      words: `How many by ${group.name}`,
      sql: `SELECT ${key}, COUNT(*) AS n\nFROM ${from}\nGROUP BY ${key}`,
    });
  }
  if (measured && group && measured !== group) {
    const key = quoted(group.name);
    found.push({
      words: `Average ${measured.name} by ${group.name}`,
      sql: `SELECT ${key}, AVG(${quoted(measured.name)}) AS average\nFROM ${from}\nGROUP BY ${key}`,
    });
  }
  if (whole) {
    const middle = Math.round((Number(whole.lower) + Number(whole.upper)) / 2);
    found.push({
      words: `How many with ${whole.name} above ${middle}`,
      sql: `SELECT COUNT(*) AS n\nFROM ${from}\nWHERE ${quoted(whole.name)} > ${middle}`,
    });
  }
  return found;
}

/** Names that are words of SQL stand between double quotes. */
export function quoted(name: string): string {
  return WORDS.has(name.toUpperCase()) ? `"${name}"` : name;
}

const WORDS = new Set(
  (
    "SELECT FROM WHERE GROUP BY AND OR NOT IN BETWEEN IS NULL TRUE FALSE AS ORDER LIMIT JOIN ON " +
    "UNION HAVING DISTINCT CASE WHEN THEN ELSE END LEFT RIGHT FULL INNER OUTER CROSS USING WITH " +
    "ANY ALL SOME EXISTS OVER WINDOW PARTITION FILTER LIKE VALUES INTO SAMPLE INTERVAL CONVERT " +
    "CAST OFFSET FETCH TOP MOD DIV XOR ESCAPE EXCEPT MINUS INTERSECT"
  ).split(" "),
);

/** Categories first, then booleans, then short ranges. */
function rank(column: Column): number {
  const kind = { category: 0, boolean: 100, integer: 200, real: 300 }[column.type];
  return kind + (groupSize(column) ?? 0);
}

function spread(column: Column): number {
  return column.type === "integer" || column.type === "real"
    ? Number(column.upper) - Number(column.lower)
    : 0;
}
