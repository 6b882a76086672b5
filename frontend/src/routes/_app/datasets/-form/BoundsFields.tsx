import { Stack, TextInput } from "@mantine/core";

import type { TableErrors, TableForm } from "./table";
import classes from "./Fields.module.css";

interface Props {
  form: TableForm;
  set: (part: Partial<TableForm>) => void;
  error?: string | undefined;
}

/** How much one unit may count in an answer, and what each number costs. */
export function BoundsFields({ form, set, error }: Props) {
  return (
    <Stack gap="sm">
      <p className="soft">
        Answers are made uncertain enough to hide any one unit altogether, so it matters how much one
        unit can add. Larger numbers keep more of the data and need more noise; what is above them
        is scaled down or left out. Say what is usual, not the most there is.
      </p>
      <div className={classes.three}>
        <TextInput
          label="Rows of one unit"
          description="in an answer about everybody: 1 if each unit has one row"
          inputMode="numeric"
          value={form.rowsPerUnit}
          onChange={(event) => set({ rowsPerUnit: event.currentTarget.value })}
        />
        <TextInput
          label="Rows of one unit in a group"
          description="when an answer is split, as by region or year"
          inputMode="numeric"
          value={form.rowsPerGroup}
          onChange={(event) => set({ rowsPerGroup: event.currentTarget.value })}
        />
        <TextInput
          label="Groups of one unit"
          description="how many of these groups one unit may be in"
          inputMode="numeric"
          value={form.groupsPerUnit}
          onChange={(event) => set({ groupsPerUnit: event.currentTarget.value })}
        />
      </div>
      {error && (
        <p role="alert" style={{ color: "var(--c-bad)" }}>
          {error}
        </p>
      )}
    </Stack>
  );
}

/** The approximate size, which is public. */
export function SizeFields({
  form,
  set,
  errors,
}: Omit<Props, "error"> & { errors: Pick<TableErrors, "rows" | "units"> }) {
  return (
    <Stack gap="sm">
      <p className="soft">
        Everybody with access reads these, and prices and running times are worked out from them
        alone, so round them: about 30,000 says enough. The true numbers stay private.
      </p>
      <div className={classes.three}>
        <TextInput
          label="Rows, about"
          inputMode="numeric"
          value={form.rows}
          onChange={(event) => set({ rows: event.currentTarget.value.replace(/[\s,]/g, "") })}
          error={form.rows === "" ? undefined : errors.rows}
        />
        <TextInput
          label="Units, about"
          inputMode="numeric"
          value={form.units}
          onChange={(event) => set({ units: event.currentTarget.value.replace(/[\s,]/g, "") })}
          error={form.units === "" ? undefined : errors.units}
        />
      </div>
    </Stack>
  );
}
