import { ActionIcon, Button, NativeSelect, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Environment } from "@/api/code";
import { datasetQuery } from "@/api/datasets";
import { Icon } from "@/components/Icon";
import { Note } from "@/components/Note";
import { columnWords } from "@/components/sql/columns";
import { DatasetPicker } from "../-ask/DatasetPicker";
import classes from "./Code.module.css";
import type { CodeForm, DataField, ProgramForm, Wrong } from "./form";

export interface FieldProps<Form = ProgramForm> {
  form: Form;
  change: (part: Partial<Form>) => void;
  wrong: Wrong;
}

export function Group({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  return (
    <fieldset className={classes.group}>
      <legend>{title}</legend>
      {lead && <p className={classes.hint}>{lead}</p>}
      {children}
    </fieldset>
  );
}

/** Where it begins: a function that is called, or a file that is run. */
export function EntryFields({ form, change, wrong }: FieldProps<CodeForm>) {
  return (
    <Group
      title="Where it begins"
      lead={
        form.kind === "function" ? (
          "The function is called with one table for each dataset, then the parameters, all by name. What it returns is the output."
        ) : (
          <>
            The file is run. <code>import carrel_job</code> gives it <code>carrel_job.tables</code>,{" "}
            <code>.parameters</code> and <code>.save(name, value)</code>.
          </>
        )
      }
    >
      <div className={classes.fields}>
        <SegmentedControl
          aria-label="Begin with a function or a script"
          value={form.kind}
          onChange={(kind) => change({ kind: kind as CodeForm["kind"] })}
          data={[
            { value: "function", label: "A function" },
            { value: "script", label: "A script" },
          ]}
        />
        {form.kind === "function" && <FunctionField form={form} change={change} wrong={wrong} />}
        <BeginsField form={form} change={change} />
      </div>
    </Group>
  );
}

export function FunctionField({ form, change, wrong }: FieldProps) {
  return (
    <TextInput
      label="Function"
      maxLength={63}
      value={form.function}
      onChange={(event) => change({ function: event.currentTarget.value })}
      error={wrong["function"]}
    />
  );
}

/** In which file it begins, where there are several. */
export function BeginsField({ form, change }: Omit<FieldProps, "wrong">) {
  if (form.files.length < 2) return null;
  return (
    <NativeSelect
      label="In the file"
      value={form.begins}
      onChange={(event) => change({ begins: event.currentTarget.value })}
      data={form.files.map(({ path }) => path)}
    />
  );
}

interface DataProps extends FieldProps {
  /** Whether they are those of a request, and stay. */
  fixed?: boolean;
  /** Whether it is of one dataset alone. */
  single?: boolean;
}

/** Which datasets, and what the program calls each. */
export function DataFields({ form, change, wrong, fixed = false, single = false }: DataProps) {
  const edit = (at: number, part: Partial<DataField>) =>
    change({ data: form.data.map((each, index) => (index === at ? { ...each, ...part } : each)) });
  return (
    <Group
      title="Data"
      lead={
        single
          ? "The function gets one block's table under the name that it gives it."
          : "Each dataset under the name that the program gives it."
      }
    >
      {form.data.map((field, at) => (
        <div key={at} className={classes.dataset}>
          <TextInput
            label="Name in the program"
            maxLength={63}
            value={field.alias}
            readOnly={fixed}
            onChange={(event) => edit(at, { alias: event.currentTarget.value })}
            error={wrong[`data.${at}.alias`]}
          />
          {fixed ? (
            <TextInput label="Dataset" value={field.dataset} readOnly />
          ) : (
            <OneDataset
              name={field.dataset}
              onPick={(dataset) => edit(at, { dataset })}
              error={wrong[`data.${at}.dataset`]}
            />
          )}
          {!fixed && form.data.length > 1 && (
            <ActionIcon
              variant="subtle"
              aria-label={`Take ${field.alias || "this dataset"} away`}
              onClick={() => change({ data: form.data.filter((_, index) => index !== at) })}
            >
              <Icon name="trash" />
            </ActionIcon>
          )}
          {field.dataset !== "" && <Columns name={field.dataset} alias={field.alias} />}
        </div>
      ))}
      {!fixed && !single && form.data.length < 10 && (
        <div>
          <Button
            variant="subtle"
            size="compact-md"
            leftSection={<Icon name="plus" size={16} />}
            onClick={() =>
              change({ data: [...form.data, { alias: `df${form.data.length + 1}`, dataset: "" }] })
            }
          >
            Add a dataset
          </Button>
        </div>
      )}
    </Group>
  );
}

function OneDataset({
  name,
  onPick,
  error,
}: {
  name: string;
  onPick: (name: string) => void;
  error: string | undefined;
}) {
  const dataset = useQuery({
    ...datasetQuery(name),
    select: ({ data }) => data,
    enabled: name !== "",
  });
  return (
    <DatasetPicker
      key={dataset.data?.id ?? "none"}
      dataset={dataset.data}
      onPick={onPick}
      error={error}
    />
  );
}

function Columns({ name, alias }: { name: string; alias: string }) {
  const dataset = useQuery({ ...datasetQuery(name), select: ({ data }) => data });
  if (!dataset.data) return null;
  const { columns, unit_column: unit } = dataset.data.table;
  return (
    <details className={classes.columns}>
      <summary>Columns of {alias || name}</summary>
      <ul>
        <li>
          <code>{unit}</code> <span>whom a row is about, as a number without meaning</span>
        </li>
        {columns.map((column) => (
          <li key={column.name}>
            <code>{column.name}</code> <span>{columnWords(column)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Which packages there are. */
export function EnvironmentField({
  form,
  change,
  environments,
}: FieldProps & { environments: readonly Environment[] }) {
  const usable = environments.filter(
    ({ name, state }) => state !== "retired" || name === form.environment,
  );
  const chosen = environments.find(({ name }) => name === form.environment);
  return (
    <Group title="Environment" lead="Nothing is installed when it runs: these are the packages there are.">
      <Select
        label="Environment"
        maw="22rem"
        allowDeselect={false}
        value={form.environment}
        onChange={(environment) => environment && change({ environment })}
        data={usable.map(({ name }) => ({ value: name, label: name }))}
        nothingFoundMessage="None is built"
      />
      {environments.length === 0 && (
        <Note tone="wait">No environment is built here yet. The owner builds them.</Note>
      )}
      {chosen && (
        <>
          {chosen.state === "missing" && (
            <Note tone="wait">
              No worker has this environment now. You can ask for approval; nothing runs in it before
              one does.
            </Note>
          )}
          {chosen.state === "retired" && (
            <Note tone="bad">This environment was retired. Choose another.</Note>
          )}
          {chosen.description && <p>{chosen.description}</p>}
          <p className={classes.hint}>
            To import: {chosen.imports.length > 0 ? chosen.imports.join(", ") : "nothing"} and
            Python's own library.
          </p>
          <details className={classes.columns}>
            <summary>All {chosen.locked.length} packages, to the version</summary>
            <p className={classes.locked}>{chosen.locked.join(", ")}</p>
          </details>
        </>
      )}
    </Group>
  );
}
