import { ColumnsEditor } from "../-form/ColumnsEditor";
import { tableErrors } from "../-form/table";
import { useMemo } from "react";

import { FromValues } from "./FromValues";
import { useChosenFile } from "./form";
import classes from "./Register.module.css";
import type { StepProps } from "./Wizard";

const NO_ERRORS = new Map<string, never>();

/** Types and public domains. */
export function ColumnsStep({ form, set, tried }: StepProps) {
  const file = useChosenFile(form.file);
  const errors = useMemo(() => tableErrors(form.table), [form.table]);
  return (
    <>
      <p className={classes.lead}>
        Say what each column may hold, from what you know of it and not from the rows: everybody with
        access reads this. Numbers outside a range are moved to its nearest end, and values that are
        not listed become missing. Narrow ranges need less noise.
      </p>
      {form.file !== null && <FromValues form={form} set={set} file={file} />}
      <ColumnsEditor
        unit={form.table.unit}
        columns={form.table.columns}
        errors={tried ? errors.byColumn : NO_ERRORS}
        onChange={(columns) => set({ table: { ...form.table, columns } })}
        adding={form.file === null}
      />
    </>
  );
}
