import { Button, Checkbox, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { memo, useCallback, useEffect, useRef, useState } from "react";

import { plural } from "@/lib/format";
import type { ColumnKind } from "../-files/propose";
import { NAME } from "../-files/read";
import classes from "./Fields.module.css";
import { KINDS, listed, type ColumnErrors, type ColumnForm } from "./table";

const AT_ONCE = 40;

interface Props {
  unit: string;
  columns: ColumnForm[];
  errors: ReadonlyMap<string, ColumnErrors>;
  onChange: (columns: ColumnForm[]) => void;
  /** Columns can be added by name: there is no file to read them from. */
  adding?: boolean;
}

/** Types and public domains of a table's columns. */
export function ColumnsEditor({ unit, columns, errors, onChange, adding = false }: Props) {
  const [words, setWords] = useState("");
  const [onlyWrong, setOnlyWrong] = useState(false);
  const [shown, setShown] = useState(AT_ONCE);
  const [added, setAdded] = useState("");
  const latest = useRef({ columns, onChange });
  useEffect(() => {
    latest.current = { columns, onChange };
  });
  const change = useCallback((name: string, part: Partial<ColumnForm>) => {
    const { columns: now, onChange: tell } = latest.current;
    tell(now.map((each) => (each.name === name ? { ...each, ...part } : each)));
  }, []);
  const found = columns.filter(
    (column) =>
      column.name.toLowerCase() !== unit.toLowerCase() &&
      column.name.toLowerCase().includes(words.trim().toLowerCase()) &&
      (!onlyWrong || errors.has(column.name)),
  );
  const taken = columns.some((column) => column.name.toLowerCase() === added.toLowerCase());
  return (
    <div className={classes.editor}>
      {columns.length > 12 && (
        <div className={classes.tools}>
          <TextInput
            label="Find a column"
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
          />
          {(errors.size > 0 || onlyWrong) && (
            <Checkbox
              label={`Only the ${plural(errors.size, "column")} to mend`}
              checked={onlyWrong}
              onChange={(event) => setOnlyWrong(event.currentTarget.checked)}
              pb="0.5rem"
            />
          )}
        </div>
      )}
      <ul className={classes.columns} aria-label="Columns">
        {found.slice(0, shown).map((column) => (
          <ColumnRow
            key={column.name}
            column={column}
            errors={errors.get(column.name)}
            change={change}
          />
        ))}
      </ul>
      {found.length > shown && (
        <Button variant="default" onClick={() => setShown(shown + AT_ONCE)}>
          Show more of {plural(found.length, "column")}
        </Button>
      )}
      {adding && (
        <div className={classes.tools}>
          <TextInput
            label="Add a column"
            description="Its name, as the file's first line has it"
            value={added}
            onChange={(event) => setAdded(event.currentTarget.value.trim())}
            error={
              added === ""
                ? undefined
                : taken
                  ? "There is a column of that name."
                  : NAME.test(added)
                    ? undefined
                    : "Letters without accents, digits and _ only."
            }
          />
          <Button
            variant="default"
            disabled={!NAME.test(added) || taken || added.toLowerCase() === unit.toLowerCase()}
            onClick={() => {
              onChange([...columns, newColumn(added)]);
              setAdded("");
            }}
          >
            Add
          </Button>
        </div>
      )}
    </div>
  );
}

function newColumn(name: string): ColumnForm {
  return {
    name,
    used: true,
    type: "category",
    lower: "",
    upper: "",
    resolution: "0.01",
    categories: "",
    nullable: true,
    description: "",
    from: "hand",
  };
}

const FROM: Record<ColumnForm["from"], string> = {
  name: "proposed from its name",
  file: "type as the file says",
  values: "proposed from its values",
  none: "nothing is known of it yet",
  hand: "",
};

interface RowProps {
  column: ColumnForm;
  errors: ColumnErrors | undefined;
  change: (name: string, part: Partial<ColumnForm>) => void;
}

const ColumnRow = memo(function ColumnRow({ column, errors, change }: RowProps) {
  const set = (part: Partial<ColumnForm>) => change(column.name, { ...part, from: "hand" });
  const { name } = column;
  return (
    <li
      className={classes.column}
      data-unused={!column.used || undefined}
      data-wrong={errors ? true : undefined}
    >
      <div className={classes.nameCell}>
        <Checkbox
          checked={column.used}
          onChange={(event) => change(name, { used: event.currentTarget.checked })}
          label={<code>{name}</code>}
          aria-label={`Take in ${name}`}
        />
        {column.used && FROM[column.from] && (
          <span className={classes.from}>{FROM[column.from]}</span>
        )}
        {!column.used && <span className={classes.from}>left out: never read</span>}
      </div>
      {column.used && (
        <>
          <NativeSelect
            aria-label={`Type of ${name}`}
            value={column.type}
            onChange={(event) => set({ type: event.currentTarget.value as ColumnKind })}
            data={Object.entries(KINDS).map(([value, label]) => ({ value, label }))}
          />
          <div className={classes.domainCell}>
            <DomainFields column={column} errors={errors ?? {}} set={set} />
            <div className={classes.extras}>
              <Checkbox
                size="sm"
                label="May be missing"
                aria-label={`${name} may be missing`}
                checked={column.nullable}
                onChange={(event) => change(name, { nullable: event.currentTarget.checked })}
              />
              <TextInput
                size="sm"
                aria-label={`What ${name} means`}
                placeholder="What it means (public)"
                maxLength={2000}
                value={column.description}
                onChange={(event) => change(name, { description: event.currentTarget.value })}
              />
            </div>
          </div>
        </>
      )}
    </li>
  );
});

/** A short label where the column is plain to see, and a whole one for screen readers. */
function Label({ short, rest }: { short: string; rest: string }) {
  return (
    <span className={classes.label}>
      {short}
      <span className="visually-hidden"> {rest}</span>
    </span>
  );
}

function DomainFields({
  column,
  errors,
  set,
}: {
  column: ColumnForm;
  errors: ColumnErrors;
  set: (part: Partial<ColumnForm>) => void;
}) {
  const { name, type } = column;
  if (type === "boolean") return null;
  if (type === "category") {
    const count = listed(column.categories).length;
    return (
      <Textarea
        aria-label={`Values of ${name}, one a line`}
        placeholder="Its values, one a line"
        autosize
        minRows={2}
        maxRows={8}
        value={column.categories}
        onChange={(event) => set({ categories: event.currentTarget.value })}
        error={errors.categories}
        description={count > 0 ? plural(count, "value") : undefined}
        inputWrapperOrder={["label", "input", "description", "error"]}
      />
    );
  }
  return (
    <div className={classes.range}>
      <TextInput
        label={<Label short="Smallest" rest={`value of ${name}`} />}
        inputMode="decimal"
        value={column.lower}
        onChange={(event) => set({ lower: event.currentTarget.value })}
        error={errors.lower}
      />
      <TextInput
        label={<Label short="Largest" rest={`value of ${name}`} />}
        inputMode="decimal"
        value={column.upper}
        onChange={(event) => set({ upper: event.currentTarget.value })}
        error={errors.upper}
      />
      {type === "real" && (
        <TextInput
          label={<Label short="Step" rest={`of ${name}`} />}
          title="Values are rounded to multiples of this"
          inputMode="decimal"
          value={column.resolution}
          onChange={(event) => set({ resolution: event.currentTarget.value })}
          error={errors.resolution}
        />
      )}
    </div>
  );
}
