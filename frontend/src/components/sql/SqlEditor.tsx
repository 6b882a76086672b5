import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, LanguageSupport, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";

import type { Schemas } from "@/api/client";
import type { FieldError } from "@/api/problem";
import { nonce } from "@/app/nonce";
import { colours, diagnostic, look, offsetOf, plainReplacing } from "../editor/look";
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
