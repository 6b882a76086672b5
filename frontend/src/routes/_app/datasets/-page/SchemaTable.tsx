import { TextInput } from "@mantine/core";
import { useMemo, useState } from "react";

import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { domainWords, KINDS, type Column, type TableSchema } from "../-form/table";
import classes from "./Dataset.module.css";

const SHOWN = 60;

const COLUMNS: DataColumn<Column>[] = [
  { id: "name", header: "Column", main: true, cell: (row) => <code>{row.name}</code>, sort: (row) => row.name },
  { id: "type", header: "Type", cell: (row) => KINDS[row.type], sort: (row) => KINDS[row.type] },
  { id: "domain", header: "May hold", cell: (row) => <Domain column={row} /> },
  { id: "nulls", header: "May be missing", cell: (row) => (row.nullable ? "yes" : "no") },
  {
    id: "about",
    header: "About",
    cell: (row) => row.description || <span className="soft">–</span>,
  },
];

/** The public columns, searchable where there are many. */
export function SchemaTable({ table }: { table: TableSchema }) {
  const [typed, setTyped] = useState("");
  const words = typed.trim().toLowerCase();
  const found = useMemo(
    () =>
      table.columns.filter((column) =>
        `${column.name} ${column.description}`.toLowerCase().includes(words),
      ),
    [table.columns, words],
  );
  const many = table.columns.length > 15;
  return (
    <div className={classes.stack}>
      {many && (
        <TextInput
          label={`Find one of ${table.columns.length} columns`}
          maw="24rem"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <DataTable
        label="columns"
        columns={COLUMNS}
        rows={words === "" ? found.slice(0, Math.max(SHOWN, 0)) : found.slice(0, 200)}
        rowKey={(row) => row.name}
        empty={<EmptyState title="No column of that name" />}
      />
      {words === "" && found.length > SHOWN && (
        <p className="soft" role="status">
          The first {SHOWN} of {found.length} columns. Type above to find the others.
        </p>
      )}
    </div>
  );
}

function Domain({ column }: { column: Column }) {
  if (column.type !== "category") return <span className="num">{domainWords(column)}</span>;
  if (column.categories.length <= 6) return <Values values={column.categories} />;
  return (
    <details>
      <summary className={classes.summary}>{domainWords(column)}</summary>
      <Values values={column.categories.slice(0, 200)} />
      {column.categories.length > 200 && <p className="soft">and more</p>}
    </details>
  );
}

function Values({ values }: { values: readonly string[] }) {
  return (
    <ul className={classes.values}>
      {values.map((value) => (
        <li key={value}>{value === "" ? "(empty)" : value}</li>
      ))}
    </ul>
  );
}
