import { Button, Group } from "@mantine/core";
import { useMemo } from "react";

import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { Section } from "@/components/Section";
import { BoundsFields, SizeFields } from "../-form/BoundsFields";
import { ColumnsEditor } from "../-form/ColumnsEditor";
import { countErrors, formOf, schemaOf, tableErrors, type TableForm } from "../-form/table";
import classes from "./Dataset.module.css";
import type { TabProps } from "./Overview";
import { EditNotice, useEdit, useUpdate } from "./useEdit";

/** The public description of the table, edited whole, with what a change of it does. */
export function EditColumns(props: TabProps & { onClose: () => void }) {
  const { dataset, onClose } = props;
  const edit = useEdit(`dataset:${dataset.id}:table`, formOf(dataset.table));
  const form = edit.value;
  const set = (part: Partial<TableForm>) => edit.set((before) => ({ ...before, ...part }));
  const errors = useMemo(() => tableErrors(form), [form]);
  const wrong = countErrors(errors);
  const { submit, busy, error } = useUpdate(props);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong === 0) void submit({ table: schemaOf(form) }, edit.clear);
      }}
    >
      <Section
        title="Columns and bounds"
        lead={
          <>
            The unit column stays <code>{form.unit}</code>: another one would mean other people, and
            needs a new dataset in the same population.
          </>
        }
      >
        <div className={classes.stack}>
          <EditNotice edit={edit} />
          <Note tone="wait">
            If a column, its type or its range changes, this dataset answers nothing until you upload
            a version that fits, and an uploaded set of made-up rows is dropped. Descriptions, bounds
            and sizes can change without that. No budget is given back by any of it.
          </Note>
          <ColumnsEditor
            unit={form.unit}
            columns={form.columns}
            errors={errors.byColumn}
            onChange={(columns) => set({ columns })}
            adding
          />
        </div>
      </Section>
      <Section title="How much one unit may count">
        <BoundsFields form={form} set={set} error={errors.bounds} />
      </Section>
      <Section title="How big it is, roughly">
        <SizeFields form={form} set={set} errors={errors} />
      </Section>
      {error && <ErrorNote error={error} />}
      <Group mt="lg" gap="sm">
        <Button type="submit" loading={busy} disabled={wrong > 0 || edit.stale}>
          Save
        </Button>
        <Button variant="default" onClick={onClose} disabled={busy}>
          Cancel
        </Button>
        {wrong > 0 && (
          <span role="status">
            {wrong === 1 ? "One thing has to be mended." : `${wrong} things have to be mended.`}
          </span>
        )}
      </Group>
    </form>
  );
}
