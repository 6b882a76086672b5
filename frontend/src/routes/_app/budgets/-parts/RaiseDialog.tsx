import { Modal, NumberInput, Textarea } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import { fieldError } from "@/api/problem";
import { DialogForm } from "@/components/DialogForm";
import { Note } from "@/components/Note";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { formatEpsilon } from "@/lib/format";
import { whose, type Account } from "./accounts";

/** Raises an account's limit: logged, with a reason, and never forgotten on its statement. */
export function RaiseDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const client = useQueryClient();
  const limit = account.limits.epsilon;
  const draft = useDraft(`raise:${account.id}`, { epsilon: limit * 1.5, reason: "" });
  const { epsilon, reason } = draft.value;
  const { submit, busy, error } = useSubmit(async () => {
    await unwrap(
      api.POST("/api/v1/accounts/{account_id}/raise", {
        params: { path: { account_id: account.id } },
        body: { epsilon, reason: reason.trim() },
      }),
    );
    draft.clear();
    await client.invalidateQueries({ queryKey: ["budgets"] });
    onClose();
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Raise the limit of ${whose(account).replace(/^E/, "e")}`}
      size="32rem"
      closeOnClickOutside={!busy}
    >
      <DialogForm
        action="Raise the limit"
        busy={busy}
        error={error}
        disabled={!(epsilon > limit) || reason.trim() === ""}
        onClose={onClose}
        onSubmit={submit}
      >
        <p>
          The limit is epsilon {formatEpsilon(limit)} at {account.population}. It can be raised and
          never lowered; sums never start anew.
        </p>
        {account.charges > 0 && (
          <Note tone="wait">
            Answers were given under the present limit. The statement will say for good “raised
            after answers were seen”, with the earlier limit beside the new one.
          </Note>
        )}
        <NumberInput
          label="New limit (epsilon)"
          description="More than the present one. It bounds what all answers together may tell about one person."
          min={limit}
          max={1000}
          step={0.5}
          decimalScale={4}
          required
          value={epsilon}
          onChange={(value) => draft.set({ ...draft.value, epsilon: Number(value) })}
          error={fieldError(error, "epsilon")}
        />
        <Textarea
          label="Reason"
          description="The researcher and the auditor read it."
          autosize
          minRows={3}
          maxRows={10}
          maxLength={4000}
          required
          value={reason}
          onChange={(event) => draft.set({ ...draft.value, reason: event.currentTarget.value })}
          error={fieldError(error, "reason")}
        />
      </DialogForm>
    </Modal>
  );
}
