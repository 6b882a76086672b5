import { ActionIcon, Button, Checkbox, NativeSelect, TextInput } from "@mantine/core";
import type { ReactNode } from "react";

import { Icon } from "@/components/Icon";
import classes from "./Code.module.css";
import { Group, type FieldProps } from "./Fields";
import { NEW_PARAMETER, type CodeForm, type ParameterField } from "./form";

interface Props extends FieldProps {
  /** Whether each may have bounds within which one approval covers later runs. */
  bounded?: boolean;
  children?: ReactNode;
}

/** Values that are given by name. */
export function ParameterFields({ form, change, wrong, bounded = false, children }: Props) {
  const edit = (at: number, part: Partial<ParameterField>) =>
    change({
      parameters: form.parameters.map((each, index) => (index === at ? { ...each, ...part } : each)),
    });
  return (
    <Group
      title="Parameters"
      lead={
        bounded
          ? "Given by name. With bounds, one approval covers later runs within them, and nobody votes on those again."
          : "Given by name, beside the table."
      }
    >
      {form.parameters.map((field, at) => (
        <div key={at} className={classes.parameter} data-bounded={bounded || undefined}>
          <TextInput
            label="Parameter"
            maxLength={63}
            value={field.name}
            onChange={(event) => edit(at, { name: event.currentTarget.value })}
            error={wrong[`parameters.${at}.name`]}
          />
          <TextInput
            label="Value"
            value={field.value}
            placeholder='18, "north", True'
            onChange={(event) => edit(at, { value: event.currentTarget.value })}
            error={wrong[`parameters.${at}.value`]}
          />
          {bounded && (
            <NativeSelect
              label="Later runs may use"
              value={field.bound}
              onChange={(event) =>
                edit(at, { bound: event.currentTarget.value as ParameterField["bound"] })
              }
              data={[
                { value: "none", label: "just this value" },
                { value: "number", label: "numbers within" },
                { value: "choice", label: "one of these" },
              ]}
            />
          )}
          <ActionIcon
            variant="subtle"
            aria-label={`Take ${field.name || "this parameter"} away`}
            onClick={() => change({ parameters: form.parameters.filter((_, index) => index !== at) })}
          >
            <Icon name="trash" />
          </ActionIcon>
          {field.bound === "number" && (
            <div className={classes.bound}>
              <TextInput
                label="From"
                inputMode="decimal"
                w="7rem"
                value={field.lower}
                onChange={(event) => edit(at, { lower: event.currentTarget.value })}
              />
              <TextInput
                label="To"
                inputMode="decimal"
                w="7rem"
                value={field.upper}
                onChange={(event) => edit(at, { upper: event.currentTarget.value })}
              />
              <Checkbox
                label="Whole numbers only"
                checked={field.whole}
                onChange={(event) => edit(at, { whole: event.currentTarget.checked })}
              />
            </div>
          )}
          {field.bound === "choice" && (
            <div className={classes.bound}>
              <TextInput
                label="Values, with commas between them"
                w="100%"
                value={field.choices}
                placeholder='"north", "south"'
                onChange={(event) => edit(at, { choices: event.currentTarget.value })}
              />
            </div>
          )}
          {wrong[`parameters.${at}.bound`] && (
            <p className={classes.wrong} role="status">
              {wrong[`parameters.${at}.bound`]}
            </p>
          )}
        </div>
      ))}
      <div>
        <Button
          variant="subtle"
          size="compact-md"
          leftSection={<Icon name="plus" size={16} />}
          disabled={form.parameters.length >= 50}
          onClick={() => change({ parameters: [...form.parameters, NEW_PARAMETER] })}
        >
          Add a parameter
        </Button>
      </div>
      {children}
    </Group>
  );
}

/** How far an approval is to reach, once a parameter has bounds. */
export function ReachFields({ form, change, wrong }: FieldProps<CodeForm>) {
  if (form.parameters.every(({ bound }) => bound === "none")) return null;
  return (
    <div className={classes.fields}>
      <TextInput
        label="Runs that the approval covers"
        description="This one among them"
        inputMode="numeric"
        w="14rem"
        value={form.runs}
        onChange={(event) => change({ runs: event.currentTarget.value })}
        error={wrong["runs"]}
      />
      <TextInput
        label="For so many days"
        description="From the approval on"
        inputMode="numeric"
        w="14rem"
        value={form.days}
        onChange={(event) => change({ days: event.currentTarget.value })}
        error={wrong["days"]}
      />
    </div>
  );
}
