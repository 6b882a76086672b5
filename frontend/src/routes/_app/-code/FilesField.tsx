import { Button, Group, Skeleton, Tabs, TextInput } from "@mantine/core";
import { lazy, Suspense, useEffect, useId, useRef, useState } from "react";

import type { EditorHandle } from "@/components/editor/Editor";
import { Icon } from "@/components/Icon";
import classes from "./Code.module.css";
import type { LineError, ProgramForm, Wrong } from "./form";

const CodeEditor = lazy(() => import("@/components/code/CodeEditor"));

interface Props {
  form: ProgramForm;
  change: (part: Partial<ProgramForm>) => void;
  wrong: Wrong;
  /** A line that something is wrong with. */
  error: LineError | null;
  onRun: () => void;
}

const MOST = 20;

/** The program's files, one beside the other, each in the editor. */
export function FilesField({ form, change, wrong, error, onRun }: Props) {
  const id = useId();
  const { files } = form;
  const [shown, setShown] = useState(0);
  const at = Math.min(shown, files.length - 1);
  const file = files[at];
  const editor = useRef<EditorHandle>(null);
  const here = error && file && error.path === file.path ? error : null;

  useEffect(() => {
    // Where a run came to grief, that file is shown.
    const place = error ? files.findIndex(({ path }) => path === error.path) : -1;
    if (place >= 0) setShown(place);
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- at a new error alone
  }, [error]);

  const edit = (part: Partial<{ path: string; text: string }>) => {
    const before = file?.path;
    const next = files.map((each, index) => (index === at ? { ...each, ...part } : each));
    const begins = part.path !== undefined && form.begins === before ? part.path : form.begins;
    change({ files: next, begins });
  };
  const add = () => {
    let number = files.length;
    while (files.some(({ path }) => path === `part${number}.py`)) number += 1;
    change({ files: [...files, { path: `part${number}.py`, text: "" }] });
    setShown(files.length);
  };
  const remove = () => {
    const next = files.filter((_, index) => index !== at);
    const begins = form.begins === file?.path ? (next[0]?.path ?? "") : form.begins;
    change({ files: next, begins });
    setShown(Math.max(0, at - 1));
  };
  const errors = here ? [{ line: here.line, column: 1, message: here.message }] : [];
  return (
    <div className={classes.program}>
      <Tabs value={String(at)} onChange={(value) => setShown(Number(value ?? 0))} keepMounted={false}>
        <div className={classes.fileTabs}>
          <Tabs.List aria-label="Files of the program">
            {files.map(({ path }, index) => (
              <Tabs.Tab key={index} value={String(index)}>
                <span className={classes.path}>{path || "no name"}</span>
                {wrong[`files.${index}.path`] && <Icon name="alert" size={14} />}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Button
            variant="subtle"
            size="compact-md"
            leftSection={<Icon name="plus" size={16} />}
            onClick={add}
            disabled={files.length >= MOST}
          >
            Add a file
          </Button>
        </div>
        {files.map((each, index) => (
          <Tabs.Panel key={index} value={String(index)}>
            <Suspense fallback={<Skeleton height={280} radius="sm" />}>
              <CodeEditor
                key={index}
                ref={editor}
                path={each.path}
                value={each.text}
                onChange={(text) => edit({ text })}
                errors={errors}
                onSubmit={onRun}
                describedBy={`${id}-hint ${id}-errors`}
              />
            </Suspense>
          </Tabs.Panel>
        ))}
      </Tabs>
      <div id={`${id}-errors`} role="status" className={classes.errors}>
        {wrong[`files.${at}.text`] && <p>{wrong[`files.${at}.text`]}</p>}
        {here && (
          <p>
            <button type="button" onClick={() => editor.current?.goTo(here.line, 1)}>
              Line {here.line}
            </button>{" "}
            {here.message}
          </p>
        )}
      </div>
      <p className={classes.hint} id={`${id}-hint`}>
        Tab goes on to the next field; <kbd>Ctrl</kbd> + <kbd>]</kbd> and <kbd>[</kbd> indent;{" "}
        <kbd>Ctrl</kbd> + <kbd>Enter</kbd> runs it on made-up rows.
      </p>
      <Group align="flex-end" gap="sm">
        <TextInput
          label="Name of this file"
          w="16rem"
          maxLength={200}
          value={file?.path ?? ""}
          onChange={(event) => edit({ path: event.currentTarget.value })}
          error={wrong[`files.${at}.path`]}
        />
        {files.length > 1 && (
          <Button variant="default" onClick={remove}>
            Remove this file
          </Button>
        )}
      </Group>
    </div>
  );
}
