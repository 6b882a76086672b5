import { autocompletion } from "@codemirror/autocomplete";
import { python } from "@codemirror/lang-python";
import { indentOnInput, indentUnit } from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Prec } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap } from "@codemirror/view";

import { Editor, type EditorProps } from "../editor/Editor";
import classes from "./CodeEditor.module.css";

const LANGUAGE = python();

const EXTENSIONS = [
  highlightSpecialChars(),
  highlightSelectionMatches(),
  indentUnit.of("    "),
  indentOnInput(),
  autocompletion({ activateOnTyping: false, icons: false }),
  keymap.of(searchKeymap),
  Prec.high(
    EditorView.theme({
      ".cm-scroller": { minHeight: "16rem", maxHeight: "34rem" },
      ".cm-panels": { backgroundColor: "var(--c-raised)", color: "var(--c-ink)" },
    }),
  ),
];

interface Props extends EditorProps {
  /** Of the file, for whoever does not see the tabs. */
  path: string;
}

/** One file of Python. Ctrl-] and Ctrl-[ indent. */
export default function CodeEditor({ path, ...editor }: Props) {
  return (
    <Editor
      label={`Code of ${path}`}
      language={LANGUAGE}
      extensions={EXTENSIONS}
      className={classes.editor}
      {...editor}
    />
  );
}
