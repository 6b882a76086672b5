import { Button, Stack } from "@mantine/core";
import { useId, type ReactNode } from "react";

import type { Draft } from "@/hooks/useDraft";
import classes from "./FormSection.module.css";
import { Icon } from "./Icon";

interface Props {
  title: string;
  /** What these fields are for and what they change. */
  lead?: ReactNode;
  children: ReactNode;
}

/** A group of fields: what it is about on the left, the fields on the right. */
export function FormSection({ title, lead, children }: Props) {
  const id = useId();
  return (
    <section className={classes.section} aria-labelledby={id}>
      <div className={classes.words}>
        <h2 id={id}>{title}</h2>
        {lead && <div className={classes.lead}>{lead}</div>}
      </div>
      <Stack gap="md" className={classes.fields}>
        {children}
      </Stack>
    </section>
  );
}

/** Says that a form was brought back, and offers to start over. Put it above the form. */
export function DraftNotice({ draft }: { draft: Pick<Draft<unknown>, "restored" | "clear"> }) {
  if (!draft.restored) return null;
  return (
    <div className={classes.notice} role="status">
      <Icon name="info" />
      <span>This is what you had typed when you were last here.</span>
      <Button variant="subtle" size="compact-sm" onClick={draft.clear}>
        Start over
      </Button>
    </div>
  );
}
