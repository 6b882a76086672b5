import { Button } from "@mantine/core";
import { useMemo, useState } from "react";

import { DataTable, type DataColumn } from "@/components/DataTable";
import {
  answerRows,
  formatError,
  formatKey,
  formatWithin,
  halfWidth,
  measureWords,
  valueOf,
  type Answer,
  type AnswerRow,
  type Measure,
} from "@/lib/answer";
import { formatCount } from "@/lib/format";
import classes from "./ResultView.module.css";

const FIRST = 100;

/** The answer's rows; each value stands with its interval, and every column sorts. */
export function ResultTable({ answer }: { answer: Answer }) {
  const [all, setAll] = useState(false);
  const rows = useMemo(() => answerRows(answer), [answer]);
  const columns = useMemo(() => columnsOf(answer), [answer]);
  const shown = all ? rows : rows.slice(0, FIRST);
  return (
    <>
      <DataTable
        label="rows of the answer"
        columns={columns}
        rows={shown}
        rowKey={(row) => String(row.at)}
      />
      {shown.length < rows.length && (
        <div className={classes.more}>
          <span className="soft">
            The first {FIRST} of {formatCount(rows.length)} rows; sorting goes over these.
          </span>
          <Button variant="default" onClick={() => setAll(true)}>
            Show all
          </Button>
        </div>
      )}
    </>
  );
}

function columnsOf(answer: Answer): DataColumn<AnswerRow>[] {
  return [
    ...answer.group_by.map((name, index) => ({
      id: `key-${index}`,
      header: name,
      main: index === 0,
      cell: (row: AnswerRow) => <Key value={row.keys[index]} />,
      sort: (row: AnswerRow) => sortable(row.keys[index]),
    })),
    ...answer.measures.map((measure, index) => ({
      id: `measure-${index}`,
      header: measureWords(measure),
      numeric: true,
      cell: (row: AnswerRow) => <Value measure={measure} at={row.at} />,
      sort: (row: AnswerRow) => measure.values[row.at] ?? 0,
    })),
  ];
}

function Key({ value }: { value: AnswerRow["keys"][number] | undefined }) {
  return value === null ? <i className="soft">missing</i> : formatKey(value ?? null);
}

function sortable(key: AnswerRow["keys"][number] | undefined): string | number {
  if (typeof key === "number") return key;
  return key === null || key === undefined ? "\uffff" : String(key); // missing stands last
}

/** "4,231 ± 61", or both ends where the interval is lopsided. */
function Value({ measure, at }: { measure: Measure; at: number }) {
  const [value, low, high] = valueOf(measure, at);
  const error = halfWidth(measure, at);
  const scale = error ?? Math.max(value - low, high - value);
  return (
    <span className={classes.cell}>
      {formatWithin(value, scale)}{" "}
      <span className="soft">
        {error === null
          ? `(${formatWithin(low, scale)} to ${formatWithin(high, scale)})`
          : `± ${formatError(error)}`}
      </span>
    </span>
  );
}
