import { NumberInput, Switch } from "@mantine/core";

import type { AskForm, Dataset } from "./form";
import classes from "./Ask.module.css";

interface Props {
  dataset: Dataset;
  form: AskForm;
  change: (part: Partial<AskForm>) => void;
}

/** How much of one unit's data may count, instead of the dataset's own limits. */
export function BoundsField({ dataset, form, change }: Props) {
  const { unit_column: unit, bounds: own } = dataset.table;
  const bounds = form.bounds;
  const fields = [
    ["rows_per_unit", `Rows of each ${unit}`, "Where nothing is grouped."],
    ["rows_per_group", `Rows of each ${unit} in a group`, "With GROUP BY."],
    ["groups_per_unit", `Groups of each ${unit}`, "With GROUP BY."],
  ] as const;
  return (
    <div className={classes.bounds}>
      <p className="soft">
        No {unit} counts with more than so many rows: noise has to hide one {unit} whole. Lower limits
        mean less noise, and leave out more where a {unit} has many rows.
      </p>
      <Switch
        label={`Set limits for this question (the dataset's own: ${own.rows_per_unit}, ${own.rows_per_group} and ${own.groups_per_unit})`}
        checked={bounds !== null}
        onChange={(event) => change({ bounds: event.currentTarget.checked ? { ...own } : null })}
      />
      {bounds && (
        <div className={classes.boundFields}>
          {fields.map(([name, label, description]) => (
            <NumberInput
              key={name}
              label={label}
              description={description}
              value={bounds[name]}
              onChange={(value) => {
                const next = Math.round(Number(value));
                if (next >= 1 && next <= 1_000_000) change({ bounds: { ...bounds, [name]: next } });
              }}
              min={1}
              max={1_000_000}
              allowDecimal={false}
              allowNegative={false}
              clampBehavior="blur"
            />
          ))}
        </div>
      )}
    </div>
  );
}
