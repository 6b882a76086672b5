import { Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useState } from "react";

import { formatNumber } from "@/lib/format";
import { niceTicks } from "@/lib/ticks";
import classes from "./IntervalChart.module.css";

export interface IntervalRow {
  label: string;
  value: number;
  low: number;
  high: number;
}

interface Props {
  rows: readonly IntervalRow[];
  /** What the values are: "count", "avg(age)". */
  measure: string;
  /** What the labels are: "region". */
  by?: string;
  confidence?: number;
}

const FIRST = 40;

/**
 * Values with their intervals. It is a table in which one column is drawn, so a screen reader
 * reads the numbers and nothing is told by the drawing alone.
 */
export function IntervalChart({ rows, measure, by = "Group", confidence = 0.95 }: Props) {
  const [all, setAll] = useState(false);
  const shown = all ? rows : rows.slice(0, FIRST);
  const ends = rows.flatMap((row) => [row.low, row.high, row.value]).filter(Number.isFinite);
  const narrow = useMediaQuery("(max-width: 40em)", false, { getInitialValueInEffect: false });
  const ticks = niceTicks(Math.min(0, ...ends), Math.max(0, ...ends), narrow ? 1 : 4);
  const low = ticks[0] ?? 0;
  const high = ticks.at(-1) ?? 1;
  const at = (value: number) =>
    // A little off the edges, for the figures of the first and last tick.
    `${5 + (90 * (Math.min(high, Math.max(low, value)) - low)) / (high - low || 1)}%`;
  return (
    <div className={classes.frame}>
      <table className={classes.chart}>
        <caption className="visually-hidden">
          {measure} with {Math.round(confidence * 100)} % intervals
        </caption>
        <thead>
          <tr>
            <th scope="col">{by}</th>
            <th scope="col" className={classes.axis} aria-label="Drawn">
              {ticks.map((tick) => (
                <span key={tick} style={{ left: at(tick) }}>
                  {formatNumber(tick)}
                </span>
              ))}
            </th>
            <th scope="col" className={classes.figure}>
              {measure}
            </th>
            <th scope="col" className={classes.figure}>
              {Math.round(confidence * 100)} % interval
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row.label}>
              <th scope="row" className={classes.label}>
                {row.label}
              </th>
              <td className={classes.plot}>
                <svg width="100%" height="22" aria-hidden="true" focusable="false">
                  {ticks.map((tick) => (
                    <line key={tick} x1={at(tick)} x2={at(tick)} y1="0" y2="22" className={classes.grid} />
                  ))}
                  <line x1={at(row.low)} x2={at(row.high)} y1="11" y2="11" className={classes.bar} />
                  <line x1={at(row.low)} x2={at(row.low)} y1="6" y2="16" className={classes.bar} />
                  <line x1={at(row.high)} x2={at(row.high)} y1="6" y2="16" className={classes.bar} />
                  <circle cx={at(row.value)} cy="11" r="4.5" className={classes.dot} />
                </svg>
              </td>
              <td className={classes.figure}>{formatNumber(row.value)}</td>
              <td className={`${classes.figure} soft`}>
                {formatNumber(row.low)} to {formatNumber(row.high)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > shown.length && (
        <Button variant="default" onClick={() => setAll(true)}>
          Show all {rows.length} rows
        </Button>
      )}
    </div>
  );
}
