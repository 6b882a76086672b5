import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";

import { api, unwrap, type Schemas } from "@/api/client";
import { useSubmit } from "@/hooks/useSubmit";
import { ErrorNote } from "./ErrorState";
import { Note } from "./Note";
import classes from "./Terms.module.css";

type Dataset = Schemas["Dataset"];

export function termsOpen(dataset: Dataset): boolean {
  return dataset.terms !== "" && dataset.terms_accepted_at === null;
}

interface Props {
  dataset: Dataset;
  /** Whether they stood in the way of a question just now. */
  refused: boolean;
  onAccepted: () => void;
}

/** The dataset's terms of use, to be accepted here: the question stays as it is. */
export function Terms({ dataset, refused, onAccepted }: Props) {
  const client = useQueryClient();
  const { submit, busy, error } = useSubmit(async () => {
    try {
      await unwrap(
        api.POST("/api/v1/datasets/{dataset}/terms", {
          params: { path: { dataset: dataset.id } },
          body: { revision: dataset.terms_revision },
        }),
      );
      onAccepted();
    } finally {
      // Refused, they have changed again: then the present ones are to be read.
      await client.invalidateQueries({ queryKey: ["dataset"] });
    }
  });
  return (
    <section className={classes.terms} aria-label="Terms of use">
      <h3>Terms of use</h3>
      <div role="alert">
        {refused && (
          <Note tone="wait">
            <strong>Nothing was sent yet: the terms of use have changed.</strong> Read and accept
            them, then send again. Your question is kept as it is.
          </Note>
        )}
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be
          reachable by keyboard */}
      <div className={classes.text} tabIndex={0} role="group" aria-label="Text of the terms">
        {dataset.terms}
      </div>
      {error && <ErrorNote error={error} />}
      <Button variant="default" loading={busy} onClick={() => void submit()}>
        I have read and accept them
      </Button>
    </section>
  );
}
