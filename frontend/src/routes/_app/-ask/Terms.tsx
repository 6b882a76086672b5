import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import { ErrorNote } from "@/components/ErrorState";
import { useSubmit } from "@/hooks/useSubmit";
import type { Dataset } from "./form";
import classes from "./Ask.module.css";

export function termsOpen(dataset: Dataset): boolean {
  return dataset.terms !== "" && dataset.terms_accepted_at === null;
}

/** The dataset's terms of use, to be accepted here: the question stays as it is. */
export function Terms({ dataset }: { dataset: Dataset }) {
  const client = useQueryClient();
  const { submit, busy, error } = useSubmit(async () => {
    await unwrap(
      api.POST("/api/v1/datasets/{dataset}/terms", {
        params: { path: { dataset: dataset.id } },
        body: { revision: dataset.terms_revision },
      }),
    );
    await client.invalidateQueries({ queryKey: ["dataset"] });
  });
  return (
    <section className={classes.terms} aria-label="Terms of use">
      <h3>Terms of use</h3>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be
          reachable by keyboard */}
      <div className={classes.termsText} tabIndex={0} role="group" aria-label="Text of the terms">
        {dataset.terms}
      </div>
      {error && <ErrorNote error={error} />}
      <Button variant="default" loading={busy} onClick={() => void submit()}>
        I have read and accept them
      </Button>
    </section>
  );
}
