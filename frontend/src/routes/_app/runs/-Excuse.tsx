import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type components } from "@/api/client";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { plural } from "@/lib/format";

interface Props {
  standing: components["schemas"]["Standing"];
  /** Whose account it is. */
  who: string;
}

/** Lets an account ask again that failed runs have paused: an owner's decision, with a reason. */
export function Excuse({ standing, who }: Props) {
  const [open, setOpen] = useState(false);
  const client = useQueryClient();
  const excuse = useMutation({
    mutationFn: (reason: string) =>
      unwrap(
        api.POST("/api/v1/accounts/{account_id}/excuse", {
          params: { path: { account_id: standing.account_id } },
          body: { reason },
        }),
      ),
    onSuccess: () => {
      for (const key of ["request", "run", "runs", "home"]) {
        void client.invalidateQueries({ queryKey: [key] });
      }
    },
  });
  return (
    <>
      <Button variant="default" size="sm" onClick={() => setOpen(true)}>
        Excuse the failures…
      </Button>
      {open && (
        <ConfirmDialog
          title={`Excuse ${who}'s failures`}
          confirm="Excuse them"
          reason={{
            label: "Reason",
            description: "It goes into the audit log.",
            required: true,
            draft: `excuse:${standing.account_id}`,
          }}
          onConfirm={(reason) => excuse.mutateAsync(reason)}
          onClose={() => setOpen(false)}
        >
          <p>
            {plural(standing.failures, "failed run")} of this account no longer count
            {standing.failures === 1 ? "s" : ""}, and it may ask again. What the runs cost stays
            spent.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
