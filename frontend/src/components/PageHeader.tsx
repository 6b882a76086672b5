import { useEffect, type ReactNode } from "react";

import classes from "./PageHeader.module.css";

interface Props {
  title: ReactNode;
  /** For the browser's tab, where `title` is not plain text. */
  documentTitle?: string;
  /** One or two sentences under the title. */
  lead?: ReactNode;
  /** Small words above the title: where this belongs. */
  eyebrow?: ReactNode;
  /** Beside the title: a StateBadge. */
  badge?: ReactNode;
  /** Buttons, the main one last. */
  actions?: ReactNode;
}

/** The one h1 of a page. It takes the focus when its page is opened (see RouteFocus). */
export function PageHeader({ title, documentTitle, lead, eyebrow, badge, actions }: Props) {
  const name = documentTitle ?? (typeof title === "string" ? title : undefined);
  useEffect(() => {
    if (name) document.title = `${name} · Carrel`;
  }, [name]);
  return (
    <div className={classes.header}>
      <div className={classes.words}>
        {eyebrow && <div className={classes.eyebrow}>{eyebrow}</div>}
        <div className={classes.line}>
          <h1 tabIndex={-1} data-page-title className={classes.title}>
            {title}
          </h1>
          {badge}
        </div>
        {lead && <p className={classes.lead}>{lead}</p>}
      </div>
      {actions && <div className={classes.actions}>{actions}</div>}
    </div>
  );
}
