import { Button } from "@mantine/core";
import { useMemo, useState } from "react";

import type { OutputItem } from "@/api/code";
import { CodeBlock } from "@/components/CodeBlock";
import { Facts } from "@/components/Section";
import { formatCount, formatNumber, plural } from "@/lib/format";
import { readItem, toBase64, type ArraySummary, type Cell, type Table, type Tensor } from "@/lib/outputItem";
import classes from "./ItemContent.module.css";
import { Visible } from "./Visible";

/** A mark on cells of a table, by "row:column". */
export interface CellMark {
  level: "alarm" | "warning" | "note";
  /** What was found, for those who point at the cell or hear it. */
  words: string;
  suppressed?: boolean;
}

interface Props {
  item: OutputItem;
  bytes: Uint8Array;
  marks?: ReadonlyMap<string, CellMark>;
}

/** One thing that code returned, from its bytes. */
export function ItemContent({ item, bytes, marks }: Props) {
  const content = useMemo(() => readItem(item, bytes), [item, bytes]);
  switch (content.kind) {
    case "value":
      return <Value value={content.value} />;
    case "table":
      return <TableView name={item.name} table={content.table} marks={marks} />;
    case "array":
      return <ArrayView summary={content.summary} />;
    case "tensors":
      return <Tensors tensors={content.tensors} />;
    case "figure":
      return <Figure item={item} bytes={bytes} />;
    case "opaque":
      return <p className="soft">{content.why}</p>;
  }
}

function Value({ value }: { value: unknown }) {
  if (value === null || ["number", "boolean"].includes(typeof value)) {
    return <p className={classes.value}>{typeof value === "number" ? shown(value) : String(value)}</p>;
  }
  if (typeof value === "string" && value.length < 120 && !value.includes("\n")) {
    return (
      <p className={classes.text}>
        <Visible text={value} />
      </p>
    );
  }
  const words = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return <CodeBlock code={words} language={typeof value === "string" ? "Text" : "JSON"} wrap />;
}

/** A number as it left, with every digit: rounding is for people to see, and to ask for. */
function shown(value: number): string {
  return Number.isInteger(value) ? formatCount(value) : String(value);
}

const MOST_ROWS = 200;

function TableView({
  name,
  table,
  marks,
}: {
  name: string;
  table: Table;
  marks: Props["marks"] | undefined;
}) {
  const [all, setAll] = useState(false);
  const rows = all ? table.rows : table.rows.slice(0, MOST_ROWS);
  const numeric = table.columns.map(
    (_, column) =>
      column >= table.index && table.rows.every((row) => typeof row[column] !== "string"),
  );
  return (
    <div className={classes.tableFrame}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be
          reachable by keyboard */}
      <div className={classes.scroll} tabIndex={0} role="group" aria-label={`Table ${name}`}>
        <table className={classes.table}>
          <thead>
            <tr>
              {table.columns.map((column, index) => (
                <th key={index} scope="col" data-numeric={numeric[index] || undefined}>
                  {column === "" ? (
                    <span className="visually-hidden">Row label</span>
                  ) : (
                    <Visible text={column} />
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={at}>
                {row.map((cell, column) => {
                  const mark = marks?.get(`${at}:${column}`);
                  const inside = (
                    <>
                      <CellText cell={cell} />
                      {mark && (
                        <span className="visually-hidden">
                          {mark.suppressed ? " (is taken out)" : ` (${mark.words})`}
                        </span>
                      )}
                    </>
                  );
                  const look = {
                    "data-numeric": numeric[column] || undefined,
                    "data-level": mark?.level,
                    "data-suppressed": mark?.suppressed || undefined,
                    title: mark?.words,
                  };
                  return column < table.index ? (
                    <th key={column} scope="row" {...look}>
                      {inside}
                    </th>
                  ) : (
                    <td key={column} {...look}>
                      {inside}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length < table.rows.length && (
        <p className={classes.more}>
          The first {formatCount(rows.length)} of {plural(table.rows.length, "row")}.{" "}
          <Button variant="subtle" size="compact-sm" onClick={() => setAll(true)}>
            Show all
          </Button>
        </p>
      )}
    </div>
  );
}

function CellText({ cell }: { cell: Cell }) {
  if (cell === null) return <span className={classes.missing}>missing</span>;
  if (typeof cell === "number") return shown(cell);
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  return <Visible text={cell} />;
}

function ArrayView({ summary }: { summary: ArraySummary }) {
  const { least, most, mean, odd, first, count } = summary;
  return (
    <>
      <Facts
        rows={[
          ["Type", <code key="type">{summary.dtype}</code>],
          ["Shape", summary.shape.length > 0 ? summary.shape.join(" × ") : "a single number"],
          ["Values", formatCount(count)],
          ["From", least === null ? undefined : formatNumber(least, 6)],
          ["To", most === null ? undefined : formatNumber(most, 6)],
          ["On average", mean === null ? undefined : formatNumber(mean, 6)],
          ["Not a number, or infinite", odd > 0 ? formatCount(odd) : undefined],
        ]}
      />
      {first.length > 0 && (
        <p className={classes.first}>
          <span className="soft">It begins:</span>{" "}
          <code>
            {first.map(String).join(", ")}
            {count > first.length && ", …"}
          </code>
        </p>
      )}
    </>
  );
}

function Tensors({ tensors }: { tensors: readonly Tensor[] }) {
  return (
    <Facts
      rows={tensors.map(({ name, dtype, shape }) => [
        name,
        <code key="what">
          {dtype} {shape.join(" × ")}
        </code>,
      ])}
    />
  );
}

/** A picture, from bytes that came through the session: no address of it is ever in the page. */
function Figure({ item, bytes }: { item: OutputItem; bytes: Uint8Array }) {
  const address = useMemo(() => `data:image/png;base64,${toBase64(bytes)}`, [bytes]);
  const [height, width] = item.shape;
  return (
    <img
      className={classes.figure}
      src={address}
      alt={`Figure ${item.name}`}
      {...(width && height ? { width, height } : {})}
    />
  );
}
