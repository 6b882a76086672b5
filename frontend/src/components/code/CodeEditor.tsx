import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";

import type { FieldError } from "@/api/problem";
import { nonce } from "@/app/nonce";
import { colours, diagnostic, look, offsetOf, plainReplacing } from "../editor/look";
import classes from "./CodeEditor.module.css";

export interface CodeEditorHandle {
  goTo: (line: number, column: number) => void;
  focus: () => void;
}

export interface CodeEditorProps {
  ref?: Ref<CodeEditorHandle>;
  /** Of the file, for whoever does not see the tabs. */
  path: string;
  value: string;
  onChange: (value: string) => void;
  /** What is wrong, by line and column (both from 1). */
  errors: readonly FieldError[];
  /** Of Ctrl-Enter. */
  onRun: () => void;
  describedBy: string;
}

const taller = EditorView.theme({
  ".cm-scroller": { minHeight: "16rem", maxHeight: "34rem" },
  ".cm-panels": { backgroundColor: "var(--c-raised)", color: "var(--c-ink)" },
});

/** One file of Python. Tab moves on to the next field; Ctrl-] and Ctrl-[ indent. */
export default function CodeEditor(props: CodeEditorProps) {
  const { ref, path, value, errors, describedBy } = props;
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
              { key: "Mod-Enter", run: () => (latest.current.onRun(), true) },
              { key: "Tab", run: acceptCompletion },
            ]),
          ),
          lineNumbers(),
          history(),
          drawSelection(),
          highlightSpecialChars(),
          highlightSelectionMatches(),
          indentUnit.of("    "),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ activateOnTyping: false, icons: false }),
          python(),
          syntaxHighlighting(colours),
          EditorView.lineWrapping,
          keymap.of([
            ...closeBracketsKeymap,
            ...completionKeymap,
            ...searchKeymap,
            ...historyKeymap,
            ...defaultKeymap,
          ]),
          EditorView.contentAttributes.of({
            "aria-label": `Code of ${path}`,
            "aria-describedby": describedBy,
            "aria-multiline": "true",
            spellcheck: "false",
            autocapitalize: "off",
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
          plainReplacing,
          look,
          taller,
        ],
      }),
    });
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, [path, describedBy]);

  // What came from elsewhere: another version, a draft that was thrown away.
  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const found = errors.flatMap((error) => diagnostic(editor.state, error) ?? []);
    editor.dispatch(setDiagnostics(editor.state, found));
    editor.contentDOM.setAttribute("aria-invalid", String(found.length > 0));
  }, [errors, path]);

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
    focus: () => view.current?.focus(),
  }));

  return <div ref={frame} className={classes.editor} data-invalid={errors.length > 0 || undefined} />;
}
