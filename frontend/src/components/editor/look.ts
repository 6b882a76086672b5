/** What the console's editors share: how they look, how they type, and where an error is shown. */

import { HighlightStyle } from "@codemirror/language";
import type { Diagnostic } from "@codemirror/lint";
import type { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import type { FieldError } from "@/api/problem";

/* Colours are the theme's own tokens, which change with it and keep 4.5:1 on the editor's ground. */
export const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--c-info)", fontWeight: "600" },
  { tag: [tags.standard(tags.name), tags.function(tags.name)], color: "var(--c-accent-text)", fontWeight: "600" },
  { tag: tags.string, color: "var(--c-wait)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--c-bad)" },
  { tag: tags.comment, color: "var(--c-ink-soft)", fontStyle: "italic" },
  { tag: tags.special(tags.string), color: "var(--c-ink)" },
]);

export const look = EditorView.theme({
  "&": { fontSize: "0.9375rem", backgroundColor: "transparent", color: "var(--c-ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--c-font-mono)", lineHeight: "1.65", minHeight: "9rem", maxHeight: "28rem" },
  ".cm-content": { padding: "0.75rem 0", caretColor: "var(--c-ink)" },
  ".cm-line": { padding: "0 1rem 0 0.5rem" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--c-ink-soft)", border: "none", paddingLeft: "0.5rem" },
  ".cm-cursor": { borderLeftColor: "var(--c-ink)" },
  ".cm-placeholder": { color: "var(--c-ink-soft)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in oklab, var(--c-accent) 24%, transparent) !important",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--c-accent-soft)", outline: "1px solid var(--c-accent)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--c-bad) 1.5px",
    textUnderlineOffset: "0.22em",
    backgroundColor: "var(--c-bad-soft)",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--c-raised)",
    color: "var(--c-ink)",
    border: "1px solid var(--c-line-strong)",
    borderRadius: "var(--c-radius)",
    boxShadow: "var(--c-shadow)",
    overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--c-font-mono)", maxHeight: "16rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "0.25rem 0.75rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--c-accent)",
    color: "var(--c-accent-ink)",
  },
  ".cm-completionDetail": { fontFamily: "var(--c-font)", fontStyle: "normal", opacity: "0.85" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionIcon": { display: "none" },
  ".cm-tooltip.cm-completionInfo": { padding: "0.5rem 0.75rem", fontFamily: "var(--c-font)" },
  ".cm-diagnostic": { padding: "0.5rem 0.75rem", fontFamily: "var(--c-font)", maxWidth: "30rem" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--c-bad)" },
});

/* Text typed over a selection: left to itself, Chromium would give it the look of what it replaces
   in a style attribute, which the Content-Security-Policy refuses with an error. */
export const plainReplacing = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const text = event.data;
    if (event.inputType !== "insertText" || !text || view.composing) return false;
    // The browser's selection: the editor's own may not have followed it yet.
    const selection = document.getSelection();
    if (!selection?.rangeCount || selection.isCollapsed || /^["'([]$/.test(text)) return false;
    const range = selection.getRangeAt(0);
    if (!view.contentDOM.contains(range.commonAncestorContainer)) return false;
    const from = view.posAtDOM(range.startContainer, range.startOffset);
    const insert = view.state.toText(text);
    view.dispatch({
      changes: { from, to: view.posAtDOM(range.endContainer, range.endOffset), insert },
      selection: { anchor: from + insert.length },
      userEvent: "input.type",
      scrollIntoView: true,
    });
    event.preventDefault();
    return true;
  },
});

export function offsetOf(state: EditorState, line: number, column: number): number {
  const found = state.doc.line(Math.min(Math.max(line, 1), state.doc.lines));
  return Math.min(found.from + Math.max(column - 1, 0), found.to);
}

/** The word or sign that the error begins at. At the end of the text: what stands before it. */
export function diagnostic(state: EditorState, error: FieldError): Diagnostic | null {
  if (error.line === undefined) return null;
  let from = offsetOf(state, error.line, error.column ?? 1);
  const rest = state.sliceDoc(from, state.doc.lineAt(from).to);
  let to = from + (/^(\w+|'[^']*'?|"[^"]*"?|\S)/.exec(rest)?.[0].length ?? 0);
  if (to === from) {
    const line = state.doc.lineAt(from);
    to = Math.max(from, line.to);
    from = line.from + (/\S*\s*$/.exec(state.sliceDoc(line.from, from))?.index ?? 0);
  }
  return { from, to: Math.max(to, from), severity: "error", message: error.message };
}
