/** Python in parts that are coloured: loaded only where code is read. */

import { pythonLanguage } from "@codemirror/lang-python";
import { highlightCode, tagHighlighter, tags } from "@lezer/highlight";

export interface Token {
  text: string;
  /** What it is, if that is worth a colour. */
  kind: string;
}

const kinds = tagHighlighter([
  { tag: tags.keyword, class: "keyword" },
  { tag: [tags.standard(tags.name), tags.function(tags.name)], class: "name" },
  { tag: tags.function(tags.definition(tags.variableName)), class: "name" },
  { tag: tags.definition(tags.className), class: "name" },
  { tag: tags.string, class: "string" },
  { tag: [tags.number, tags.bool, tags.null], class: "number" },
  { tag: tags.comment, class: "comment" },
]);

/** The lines of a program, each as its tokens. */
export function highlight(text: string): Token[][] {
  const lines: Token[][] = [[]];
  highlightCode(
    text,
    pythonLanguage.parser.parse(text),
    kinds,
    (part, kind) => lines.at(-1)?.push({ text: part, kind: kind.split(" ")[0] ?? "" }),
    () => lines.push([]),
  );
  return lines;
}
