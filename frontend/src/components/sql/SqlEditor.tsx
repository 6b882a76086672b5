import { autocompletion } from "@codemirror/autocomplete";
import { LanguageSupport } from "@codemirror/language";
import { placeholder } from "@codemirror/view";
import { useMemo } from "react";

import type { Schemas } from "@/api/client";
import { Editor, type EditorProps } from "../editor/Editor";
import { completionFor, dialect } from "./completion";

const EXTENSIONS = [
  autocompletion({ activateOnTyping: true, icons: false }),
  placeholder("SELECT COUNT(*) AS n FROM …"),
];

export interface SqlEditorProps extends EditorProps {
  /** Whose columns are offered; without one, the language's own words. */
  dataset: Schemas["Dataset"] | undefined;
}

/** SQL for one dataset. Ctrl-Space offers what can be written. */
export default function SqlEditor({ dataset, ...editor }: SqlEditorProps) {
  const language = useMemo(() => languageFor(dataset), [dataset]);
  return (
    <Editor label="Question in SQL" language={language} extensions={EXTENSIONS} {...editor} />
  );
}

function languageFor(dataset: SqlEditorProps["dataset"]): LanguageSupport {
  const offers = dataset && dialect.language.data.of({ autocomplete: completionFor(dataset) });
  return new LanguageSupport(dialect.language, offers ?? []);
}
