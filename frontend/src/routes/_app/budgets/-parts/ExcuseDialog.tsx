import { useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { whose, type Account } from "./accounts";

/** Lets an account ask again after too many failures. */
export function ExcuseDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const client = useQueryClient();
  return (
    <ConfirmDialog
      title={`Let ${whose(account)} ask again`}
      confirm="Lift the pause"
      reason={{ label: "Reason", required: true, draft: `excuse:${account.id}` }}
      onClose={onClose}
      onConfirm={async (reason) => {
        await unwrap(
          api.POST("/api/v1/accounts/{account_id}/excuse", {
            params: { path: { account_id: account.id } },
            body: { reason },
          }),
        );
        await client.invalidateQueries({ queryKey: ["budgets"] });
      }}
    >
      <p>
        Three failed questions in 30 days pause an account until you have looked at them: a question
        that makes its run fail could tell something by failing. Failures until now will no longer
        count. What they were charged stays charged.
      </p>
    </ConfirmDialog>
  );
}
