import { useId, type ReactNode } from "react";

import classes from "./Section.module.css";

interface Props {
  title?: ReactNode;
  /** A sentence under the title. */
  lead?: ReactNode;
  actions?: ReactNode;
  /** On a sheet of its own, rather than on the page. */
  sheet?: boolean;
  children: ReactNode;
}

/** A part of a page under an h2. */
export function Section({ title, lead, actions, sheet = false, children }: Props) {
  const id = useId();
  return (
    <section
      className={classes.section}
      data-sheet={sheet || undefined}
      aria-labelledby={title ? id : undefined}
    >
      {(title || actions) && (
        <div className={classes.top}>
          <div>
            {title && <h2 id={id}>{title}</h2>}
            {lead && <p className={classes.lead}>{lead}</p>}
          </div>
          {actions && <div className={classes.actions}>{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

/** Label and value in pairs: the facts about one thing. A row whose value is undefined is left out. */
export function Facts({ rows }: { rows: [label: string, value: ReactNode][] }) {
  return (
    <dl className={classes.facts}>
      {rows
        .filter(([, value]) => value !== undefined)
        .map(([label, value]) => (
          <div key={label} className={classes.fact}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
