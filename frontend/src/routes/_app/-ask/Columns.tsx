import { Badge } from "@/components/StateBadge";
import { columnWords, groupSize, quoted } from "@/components/sql/columns";
import type { Dataset } from "./form";
import classes from "./Ask.module.css";

const SHOWN_VALUES = 12;

/** What a question can name; a click writes it where the cursor is. */
export function Columns({ dataset, onInsert }: { dataset: Dataset; onInsert: (text: string) => void }) {
  const { columns, unit_column: unit, size } = dataset.table;
  return (
    <details className={classes.plain}>
      <summary>Columns of {dataset.name}</summary>
      <p className={classes.hint}>
        About {size.rows.toLocaleString("en-GB")} rows of {size.units.toLocaleString("en-GB")} units,
        by the owner's own figure. <code>{unit}</code> says whom a row is about; it cannot be asked
        for. Press a name to write it.
      </p>
      <ul className={classes.columns}>
        {columns.map((column) => (
          <li key={column.name}>
            <button type="button" onClick={() => onInsert(quoted(column.name))}>
              <code>{column.name}</code>
            </button>
            <span>{columnWords(column)}</span>
            {groupSize(column) !== null && <Badge label="can be grouped by" />}
            {column.description && <span className="soft">{column.description}</span>}
            {column.type === "category" && (
              <span className={classes.values}>
                {column.categories.slice(0, SHOWN_VALUES).join(", ")}
                {column.categories.length > SHOWN_VALUES && ", …"}
              </span>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
