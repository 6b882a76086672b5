import { Skeleton } from "@mantine/core";
import { lazy, Suspense, useId, useImperativeHandle, useRef, type ReactNode } from "react";

import type { FieldError } from "@/api/problem";
import type { EditorHandle } from "../editor/Editor";
import type { SqlEditorProps } from "./SqlEditor";
import classes from "./SqlField.module.css";

const SqlEditor = lazy(() => import("./SqlEditor"));

interface Props extends Omit<SqlEditorProps, "describedBy"> {
  label: string;
  /** Buttons to the right of the label. */
  tools?: ReactNode;
  /** What is wrong and has no place in the text. */
  missing?: string | undefined;
  /** Id of a further text that describes the field. */
  hint?: string;
}

/** The editor, loaded when it is first shown, with what is wrong listed below it by its place. */
export function SqlField({ ref, label, tools, missing, hint, ...editor }: Props) {
  const id = useId();
  const handle = useRef<EditorHandle>(null);
  useImperativeHandle(ref, () => ({
    goTo: (line, column) => handle.current?.goTo(line, column),
    insert: (text) => handle.current?.insert(text),
    focus: () => handle.current?.focus(),
  }));
  return (
    <>
      <div className={classes.top}>
        <span className={classes.label}>{label}</span>
        {tools && <span className={classes.tools}>{tools}</span>}
      </div>
      <Suspense fallback={<Skeleton height={168} radius="sm" />}>
        <SqlEditor
          ref={handle}
          describedBy={hint ? `${id}-errors ${hint}` : `${id}-errors`}
          {...editor}
        />
      </Suspense>
      <div id={`${id}-errors`} role="status" className={classes.errors}>
        {missing && <p>{missing}</p>}
        {editor.errors.length > 0 && (
          <Places
            errors={editor.errors}
            onGo={({ line, column }) => handle.current?.goTo(line ?? 1, column ?? 1)}
          />
        )}
      </div>
    </>
  );
}

/** Each thing that is wrong, with its place: pressing it goes there. */
function Places({
  errors,
  onGo,
}: {
  errors: readonly FieldError[];
  onGo: (error: FieldError) => void;
}) {
  return (
    <ul>
      {errors.map((error) => (
        <li key={`${error.line}:${error.column}:${error.message}`}>
          <button type="button" onClick={() => onGo(error)}>
            Line {error.line}, column {error.column}
          </button>{" "}
          {error.message}
        </li>
      ))}
    </ul>
  );
}
