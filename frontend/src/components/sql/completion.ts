/** What the editor offers: columns, public keys, the functions that can be asked, nothing else. */

import {
  snippetCompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
} from "@codemirror/autocomplete";
import { SQLDialect } from "@codemirror/lang-sql";

import type { Schemas } from "@/api/client";
import { columnWords, groupSize, quoted, type Column } from "./columns";

type Dataset = Schemas["Dataset"];

export const dialect = SQLDialect.define({
  keywords: "select from where group by and or not in between is null true false as",
  builtin: "count sum avg",
  types: "",
  doubleDollarQuotedStrings: false,
});

const KEYWORDS = ["SELECT", "FROM", "WHERE", "GROUP BY", "AND", "OR", "NOT", "IN", "BETWEEN", "AS"];
const MOST_VALUES = 200;

export function completionFor(dataset: Dataset) {
  const columns = dataset.table.columns;
  const byName = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const names: Completion[] = columns.map((column) => ({
    label: column.name,
    apply: quoted(column.name),
    type: "property",
    detail: columnWords(column),
    ...(column.description ? { info: column.description } : {}),
    boost: 2,
  }));
  const grouping = names.filter((_, at) => groupSize(columns[at]!) !== null);
  const functions: Completion[] = [
    snippetCompletion("COUNT(*)", { label: "COUNT(*)", type: "function", detail: "rows" }),
    snippetCompletion("SUM(${column})", { label: "SUM()", type: "function", detail: "of a number" }),
    snippetCompletion("AVG(${column})", { label: "AVG()", type: "function", detail: "of a number" }),
  ];
  const words: Completion[] = KEYWORDS.map((label) => ({ label, type: "keyword" }));
  const table: Completion = { label: dataset.name, type: "class", detail: "this dataset", boost: 3 };

  return (context: CompletionContext): CompletionResult | null => {
    const before = context.state.sliceDoc(0, context.pos);
    const value = valueAt(before, byName);
    if (value) return value(context.pos);
    const word = context.matchBefore(/[A-Za-z_][\w]*/);
    if (!word && !context.explicit) return null;
    const clause = [...before.matchAll(/\b(select|from|where|group\s+by)\b/gi)].at(-1)?.[0] ?? "";
    // A word that is whole already is not offered: Enter is to begin a new line then.
    const options = optionsIn(clause.toLowerCase().replace(/\s+/g, " ")).filter(
      ({ label }) => label.toLowerCase() !== word?.text.toLowerCase(),
    );
    return { from: word?.from ?? context.pos, options };
  };

  function optionsIn(clause: string): Completion[] {
    switch (clause) {
      case "from":
        return [table, ...words];
      case "where":
        return [...names, ...words];
      case "group by":
        return grouping;
      case "select":
        return [...names, ...functions, ...words];
      default:
        return words;
    }
  }
}

/** After `column = ` or inside `column IN ('…`: that column's public keys. */
function valueAt(before: string, byName: ReadonlyMap<string, Column>) {
  const found =
    /"?(\w+)"?\s*(?:=|<>|!=)\s*('[^']*)?$/.exec(before) ??
    /"?(\w+)"?\s+(?:not\s+)?in\s*\((?:[^()]*,)?\s*('[^']*)?$/i.exec(before);
  const column = found?.[1] ? byName.get(found[1].toLowerCase()) : undefined;
  if (!column) return null;
  const typed = found?.[2] ?? "";
  const values =
    column.type === "category"
      ? column.categories.map((category) => `'${category.replaceAll("'", "''")}'`)
      : column.type === "boolean"
        ? ["TRUE", "FALSE"]
        : null;
  if (!values || (typed !== "" && column.type === "boolean")) return null;
  return (pos: number): CompletionResult => ({
    from: pos - typed.length,
    options: values
      .filter((label) => label.toLowerCase().startsWith(typed.toLowerCase()))
      .slice(0, MOST_VALUES)
      .map((label) => ({ label, type: "text", detail: column.name })),
    filter: false,
  });
}
