/** A dataset's columns as a question names them. */

import type { Schemas } from "@/api/client";

export type Column = Schemas["Dataset"]["table"]["columns"][number];

/** "integer, 65 to 95", for the editor's list and the table of columns. */
export function columnWords(column: Column): string {
  switch (column.type) {
    case "integer":
      return `whole number, ${column.lower} to ${column.upper}`;
    case "real":
      return `number, ${column.lower} to ${column.upper}`;
    case "boolean":
      return "true or false";
    case "category":
      return `one of ${column.categories.length} values`;
  }
}

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
