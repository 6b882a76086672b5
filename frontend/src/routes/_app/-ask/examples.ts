/** Questions to begin with, made from a dataset's public columns. */

import { groupSize, quoted } from "@/components/sql/columns";
import type { Dataset } from "./form";

export interface Example {
  words: string;
  sql: string;
}

type Column = Dataset["table"]["columns"][number];

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
