import { Button, Textarea, TextInput } from "@mantine/core";

import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { useSubmit } from "@/hooks/useSubmit";
import { formatBytes, plural } from "@/lib/format";
import { NAME, readFileHeader } from "../-files/read";
import { columnForm } from "../-form/table";
import { ChooseButton, FilePicker } from "../-upload/FilePicker";
import { said } from "../-upload/said";
import { chooseFile, nameFrom, sameFacts, useChosenFile } from "./form";
import classes from "./Register.module.css";
import type { StepProps } from "./Wizard";

/** The file first: its header says what there is to describe. */
export function FileStep({ form, set, tried }: StepProps) {
  const file = useChosenFile(form.file);
  const { submit, busy, error } = useSubmit(async (picked: File) => {
    if (form.file !== null && sameFacts(picked, form.file)) {
      chooseFile(picked); // the same again, after a reload: everything else stays
      return;
    }
    const header = await readFileHeader(picked).catch((cause: unknown) => {
      throw said(cause instanceof Error ? cause.message : "This file cannot be read.");
    });
    chooseFile(picked);
    // What was said of a column by hand stays, where the new file has it too.
    const known = new Map(form.table.columns.map((column) => [column.name, column]));
    set({
      file: { name: picked.name, size: picked.size, modified: picked.lastModified, header },
      byHand: false,
      name: form.name === "" ? nameFrom(picked.name) : form.name,
      table: {
        ...form.table,
        unit: header.names.includes(form.table.unit) ? form.table.unit : header.unit,
        columns: header.columns.map((found) => {
          const before = known.get(found.name);
          return before?.from === "hand" ? before : columnForm(found);
        }),
      },
    });
  });
  return (
    <>
      <p className={classes.lead}>
        The file stays on your computer until the last step. Only its first line, the names of its
        columns, is looked at here.
      </p>
      {form.file === null ? (
        <div className={classes.part}>
          <FilePicker title={busy ? "Reading the first line…" : "Drop the file here"} onFile={(picked) => void submit(picked)}>
            .csv or .csv.gz with a header line, UTF-8, or .parquet
          </FilePicker>
          {!form.byHand && (
            <Button variant="subtle" onClick={() => set({ byHand: true })} style={{ justifySelf: "start" }}>
              I have no file at hand: describe the columns myself
            </Button>
          )}
          {form.byHand && (
            <Note>You can name the columns in the third step, and upload the data later.</Note>
          )}
        </div>
      ) : (
        <div className={classes.part}>
          <div className={classes.file}>
            <span>
              <strong>{form.file.name}</strong>
              <br />
              <span className="soft">
                {formatBytes(form.file.size)}, {plural(form.file.header.names.length, "column")}
              </span>
            </span>
            <ChooseButton
              choose={file === null ? "Choose it again" : "Choose another file"}
              onFile={(picked) => void submit(picked)}
            />
          </div>
          {file === null && (
            <Note tone="wait">
              A browser forgets files when a page is reloaded. Choose{" "}
              <strong>{form.file.name}</strong> again before you upload; everything else is as you
              left it.
            </Note>
          )}
          {form.file.header.unusable.length > 0 && (
            <Note tone="wait">
              {form.file.header.unusable.length === 1
                ? "One column cannot be used, and is left out:"
                : "Some columns cannot be used, and are left out:"}
              <ul className={classes.problems}>
                {form.file.header.unusable.slice(0, 8).map(({ name, why }) => (
                  <li key={name}>
                    <code>{name}</code>: {why}
                  </li>
                ))}
              </ul>
              {form.file.header.unusable.length > 8 &&
                `and ${form.file.header.unusable.length - 8} more. `}
              To use them, rename them in the file and choose it again.
            </Note>
          )}
        </div>
      )}
      {error && <ErrorNote error={error} />}
      <div className={classes.two}>
        <TextInput
          label="Name"
          description="For SQL and the address. It stays for good."
          maxLength={63}
          value={form.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          error={
            (tried || form.name !== "") && !NAME.test(form.name)
              ? "Letters without accents, digits and _; it begins with no digit."
              : undefined
          }
        />
        <TextInput
          label="Title"
          description="One line for people. Optional."
          maxLength={200}
          value={form.title}
          onChange={(event) => set({ title: event.currentTarget.value })}
        />
      </div>
      <Textarea
        label="Description"
        description="Where it comes from, what one row is, what to beware of. Everybody with access reads this, so name no private figure."
        autosize
        minRows={3}
        maxRows={12}
        maxLength={20_000}
        value={form.description}
        onChange={(event) => set({ description: event.currentTarget.value })}
      />
    </>
  );
}
