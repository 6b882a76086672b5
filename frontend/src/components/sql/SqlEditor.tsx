import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import {
  bracketMatching,
  HighlightStyle,
  LanguageSupport,
  syntaxHighlighting,
} from "@codemirror/language";
import { setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  keymap,
  lineNumbers,
  placeholder,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";

import type { Schemas } from "@/api/client";
import type { FieldError } from "@/api/problem";
import { nonce } from "@/app/nonce";
import { completionFor, dialect } from "./completion";
import classes from "./SqlEditor.module.css";

export interface EditorHandle {
  goTo: (line: number, column: number) => void;
  insert: (text: string) => void;
  focus: () => void;
}

export interface EditorProps {
  ref?: Ref<EditorHandle>;
  value: string;
  onChange: (value: string) => void;
  /** Whose columns are offered; without one, the language's own words. */
  dataset: Schemas["Dataset"] | undefined;
  /** What the site found wrong, by line and column (both from 1). */
  errors: readonly FieldError[];
  /** Of Ctrl-Enter. */
  onSend: () => void;
  /** Ids of the texts that describe the field. */
  describedBy: string;
}

/* Colours are the theme's own tokens, which change with it and keep 4.5:1 on the editor's ground. */
const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--c-info)", fontWeight: "600" },
  { tag: [tags.standard(tags.name), tags.function(tags.name)], color: "var(--c-accent-text)", fontWeight: "600" },
  { tag: tags.string, color: "var(--c-wait)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--c-bad)" },
  { tag: tags.comment, color: "var(--c-ink-soft)", fontStyle: "italic" },
  { tag: tags.special(tags.string), color: "var(--c-ink)" },
]);

const look = EditorView.theme({
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
const plainReplacing = EditorView.domEventHandlers({
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

const language = new Compartment();

/** SQL for one dataset. Tab moves on to the next field; Ctrl-Space offers what can be written. */
export default function SqlEditor(props: EditorProps) {
  const { ref, value, dataset, errors, describedBy } = props;
  const frame = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    if (!frame.current) return;
    const editor = new EditorView({
      parent: frame.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          EditorView.cspNonce.of(nonce),
          Prec.highest(
            keymap.of([
              { key: "Mod-Enter", run: () => (latest.current.onSend(), true) },
              { key: "Tab", run: acceptCompletion },
            ]),
          ),
          lineNumbers(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ activateOnTyping: true, icons: false }),
          syntaxHighlighting(colours),
          language.of(languageFor(latest.current.dataset)),
          placeholder("SELECT COUNT(*) AS n FROM …"),
          EditorView.lineWrapping,
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          EditorView.contentAttributes.of({
            "aria-label": "Question in SQL",
            "aria-describedby": latest.current.describedBy,
            "aria-multiline": "true",
            spellcheck: "false",
            autocapitalize: "off",
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
          plainReplacing,
          look,
        ],
      }),
    });
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, [describedBy]);

  // What came from elsewhere: an example, a saved query.
  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    view.current?.dispatch({ effects: language.reconfigure(languageFor(dataset)) });
  }, [dataset]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const found = errors.flatMap((error) => diagnostic(editor.state, error) ?? []);
    editor.dispatch(setDiagnostics(editor.state, found));
    editor.contentDOM.setAttribute("aria-invalid", String(found.length > 0));
  }, [errors]);

  useImperativeHandle(ref, () => ({
    goTo: (line, column) => {
      const editor = view.current;
      if (!editor) return;
      editor.dispatch({
        selection: { anchor: offsetOf(editor.state, line, column) },
        scrollIntoView: true,
      });
      editor.focus();
    },
    insert: (text) => {
      const editor = view.current;
      if (!editor) return;
      editor.dispatch(editor.state.replaceSelection(text));
      editor.focus();
    },
    focus: () => view.current?.focus(),
  }));

  return <div ref={frame} className={classes.editor} data-invalid={errors.length > 0 || undefined} />;
}

function languageFor(dataset: EditorProps["dataset"]): LanguageSupport {
  const offers = dataset && dialect.language.data.of({ autocomplete: completionFor(dataset) });
  return new LanguageSupport(dialect.language, offers ?? []);
}

function offsetOf(state: EditorState, line: number, column: number): number {
  const found = state.doc.line(Math.min(Math.max(line, 1), state.doc.lines));
  return Math.min(found.from + Math.max(column - 1, 0), found.to);
}

/** The word or sign that the error begins at. At the end of the text: what stands before it. */
function diagnostic(state: EditorState, error: FieldError): Diagnostic | null {
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
