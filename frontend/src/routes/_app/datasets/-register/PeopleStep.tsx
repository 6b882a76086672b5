import { NativeSelect, TextInput } from "@mantine/core";

import { BoundsFields } from "../-form/BoundsFields";
import { tableErrors, type TableForm } from "../-form/table";
import classes from "./Register.module.css";
import type { StepProps } from "./Wizard";

/** Whom the guarantee is for, and how much one of them may count. */
export function PeopleStep({ form, set, tried }: StepProps) {
  const table = (part: Partial<TableForm>) => set({ table: { ...form.table, ...part } });
  const errors = tableErrors(form.table);
  const names = form.table.columns.map((column) => column.name);
  return (
    <>
      <p className={classes.lead}>
        Privacy is kept for a unit: most often a person, sometimes a household or a firm. One column
        says which unit a row is about. All rows with the same value are the same unit&rsquo;s, and
        the answers hide each unit with everything it has here.
      </p>
      {names.length > 0 ? (
        <NativeSelect
          label="The column that names the unit"
          description="It is never shown, and can never be selected. It cannot be changed later."
          maw="24rem"
          value={form.table.unit}
          onChange={(event) => table({ unit: event.currentTarget.value })}
          data={[{ value: "", label: "Choose a column" }, ...names]}
          error={tried ? errors.unit : undefined}
        />
      ) : (
        <TextInput
          label="The column that names the unit"
          description="As the file's first line has it. It is never shown, and can never be selected. It cannot be changed later."
          maw="24rem"
          value={form.table.unit}
          onChange={(event) => table({ unit: event.currentTarget.value.trim() })}
          error={tried ? errors.unit : undefined}
        />
      )}
      <div className={classes.part}>
        <h3>How much one unit may count</h3>
        <BoundsFields form={form.table} set={table} error={errors.bounds} />
      </div>
    </>
  );
}
