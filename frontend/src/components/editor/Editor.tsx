import {
  acceptCompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, Prec, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, keymap, lineNumbers } from "@codemirror/view";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";

import type { FieldError } from "@/api/problem";
import { nonce } from "@/app/nonce";
import classes from "./Editor.module.css";
import { colours, diagnostic, look, offsetOf, plainReplacing } from "./look";

export interface EditorHandle {
  goTo: (line: number, column: number) => void;
  insert: (text: string) => void;
  focus: () => void;
}

/** What whoever shows an editor says to it, whatever is written in it. */
export interface EditorProps {
  ref?: Ref<EditorHandle>;
  value: string;
  onChange: (value: string) => void;
  /** What is wrong, by line and column (both from 1). */
  errors: readonly FieldError[];
  /** Of Ctrl-Enter. */
  onSubmit: () => void;
  /** Ids of the texts that describe the field. */
  describedBy: string;
}

interface Props extends EditorProps {
  label: string;
  /** May change while somebody types. */
  language: Extension;
  /** Of one kind of editor: when these change, the editor begins anew. */
  extensions: Extension;
  className?: string | undefined;
}

const language = new Compartment();

/** A text of several lines in a language. Tab moves on to the next field. */
export function Editor(props: Props) {
  const { ref, value, errors, label, describedBy, extensions, className } = props;
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
              { key: "Mod-Enter", run: () => (latest.current.onSubmit(), true) },
              { key: "Tab", run: acceptCompletion },
            ]),
          ),
          lineNumbers(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          syntaxHighlighting(colours),
          language.of(latest.current.language),
          EditorView.lineWrapping,
          extensions,
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          EditorView.contentAttributes.of({
            "aria-label": label,
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
        ],
      }),
    });
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, [label, describedBy, extensions]);

  // What came from elsewhere: an example, another version, a draft that was thrown away.
  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    view.current?.dispatch({ effects: language.reconfigure(props.language) });
  }, [props.language]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const found = errors.flatMap((error) => diagnostic(editor.state, error) ?? []);
    editor.dispatch(setDiagnostics(editor.state, found));
    editor.contentDOM.setAttribute("aria-invalid", String(found.length > 0));
  }, [errors, label]);

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

  const names = className ? `${classes.editor} ${className}` : classes.editor;
  return <div ref={frame} className={names} data-invalid={errors.length > 0 || undefined} />;
}
