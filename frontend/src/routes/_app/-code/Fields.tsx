import {
  ActionIcon,
  Button,
  Checkbox,
  NativeSelect,
  SegmentedControl,
  Select,
  TextInput,
} from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Environment } from "@/api/code";
import { datasetQuery } from "@/api/datasets";
import { Icon } from "@/components/Icon";
import { Note } from "@/components/Note";
import { columnWords } from "@/components/sql/columns";
import { formatBytes, formatDuration } from "@/lib/format";
import { DatasetPicker } from "../-ask/DatasetPicker";
import classes from "./Code.module.css";
import {
  NEW_PARAMETER,
  USUAL_SECONDS,
  type CodeForm,
  type DataField,
  type LimitFields,
  type ParameterField,
  type Wrong,
} from "./form";

interface FieldProps {
  form: CodeForm;
  change: (part: Partial<CodeForm>) => void;
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
export function EntryFields({ form, change, wrong }: FieldProps) {
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
        {form.kind === "function" && (
          <TextInput
            label="Function"
            maxLength={63}
            value={form.function}
            onChange={(event) => change({ function: event.currentTarget.value })}
            error={wrong["function"]}
          />
        )}
        {form.files.length > 1 && (
          <NativeSelect
            label="In the file"
            value={form.begins}
            onChange={(event) => change({ begins: event.currentTarget.value })}
            data={form.files.map(({ path }) => path)}
          />
        )}
      </div>
    </Group>
  );
}

/** Which datasets, and what the program calls each. */
export function DataFields({ form, change, wrong, fixed = false }: FieldProps & { fixed?: boolean }) {
  const edit = (at: number, part: Partial<DataField>) =>
    change({ data: form.data.map((each, index) => (index === at ? { ...each, ...part } : each)) });
  return (
    <Group title="Data" lead="Each dataset under the name that the program gives it.">
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
      {!fixed && form.data.length < 10 && (
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

/** Values that are given by name, and how far an approval is to reach. */
export function ParameterFields({ form, change, wrong }: FieldProps) {
  const edit = (at: number, part: Partial<ParameterField>) =>
    change({
      parameters: form.parameters.map((each, index) => (index === at ? { ...each, ...part } : each)),
    });
  const reaches = form.parameters.some(({ bound }) => bound !== "none");
  return (
    <Group
      title="Parameters"
      lead="Given by name. With bounds, one approval covers later runs within them, and nobody votes on those again."
    >
      {form.parameters.map((field, at) => (
        <div key={at} className={classes.parameter}>
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
          <NativeSelect
            label="Later runs may use"
            value={field.bound}
            onChange={(event) => edit(at, { bound: event.currentTarget.value as ParameterField["bound"] })}
            data={[
              { value: "none", label: "just this value" },
              { value: "number", label: "numbers within" },
              { value: "choice", label: "one of these" },
            ]}
          />
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
      {reaches && (
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
      )}
    </Group>
  );
}

const LIMIT_LABELS: Record<keyof LimitFields, string> = {
  wall: "Seconds",
  cpu: "Seconds of processor time",
  memory: "Memory in MB",
  output: "MB that it returns",
};

/** Lower limits than the environment's. */
export function LimitsFields({
  form,
  change,
  wrong,
  environment,
}: FieldProps & { environment: Environment | undefined }) {
  const most = environment?.limits;
  const usual: Record<keyof LimitFields, string> = {
    wall: most ? formatDuration(most.wall_seconds * 1000) : "",
    cpu: most ? formatDuration(most.cpu_seconds * 1000) : "",
    memory: most ? formatBytes(most.memory_bytes) : "",
    output: most ? formatBytes(most.output_bytes) : "",
  };
  const set = Object.values(form.limits).some((value) => value !== "");
  const bad = Object.keys(wrong).some((field) => field.startsWith("limits."));
  return (
    <details className={classes.columns} open={set || bad || undefined}>
      <summary>Limits of a run</summary>
      <p className={classes.hint}>
        Left empty: the environment's, and {USUAL_SECONDS} seconds at most. A run ends to whoever asked
        at a fixed time that follows from its seconds, and holds its place until then: a lower limit
        shows sooner, and lets others run.
      </p>
      <div className={classes.fields}>
        {(Object.keys(LIMIT_LABELS) as (keyof LimitFields)[]).map((name) => (
          <TextInput
            key={name}
            label={LIMIT_LABELS[name]}
            description={usual[name] && `At most ${usual[name]}`}
            inputMode="decimal"
            w="13rem"
            value={form.limits[name]}
            onChange={(event) => change({ limits: { ...form.limits, [name]: event.currentTarget.value } })}
            error={wrong[`limits.${name}`]}
          />
        ))}
      </div>
    </details>
  );
}
