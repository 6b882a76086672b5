import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { EmptyState } from "@/components/EmptyState";
import { Section } from "@/components/Section";
import { formatCount, plural } from "@/lib/format";
import type { Dataset } from "./form";
import classes from "./Ask.module.css";

const SHOWN = 6;

/** Before a dataset is chosen: the newest that answer, and a search for the others. */
export function Choose({ picker, open }: { picker: ReactNode; open: readonly Dataset[] }) {
  if (open.length === 0) {
    return (
      <EmptyState title="There is no dataset that you may ask of yet">
        An owner gives access to each dataset, and a budget with it. Once you have one, you can ask
        here.
      </EmptyState>
    );
  }
  return (
    <Section title="Begin with a dataset">
      <div className={classes.picker}>{picker}</div>
      <ul className={classes.choices}>
        {open.slice(0, SHOWN).map((dataset) => (
          <li key={dataset.id} className={classes.choice}>
            <Link to="/ask" search={{ dataset: dataset.name } as never}>
              {dataset.title || dataset.name}
            </Link>
            {dataset.description && <p>{dataset.description}</p>}
            <p>
              {plural(dataset.table.columns.length, "column")}, about{" "}
              {formatCount(dataset.table.size.rows)} rows
            </p>
          </li>
        ))}
      </ul>
    </Section>
  );
}
