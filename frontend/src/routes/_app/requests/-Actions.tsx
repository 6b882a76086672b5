import { Button } from "@mantine/core";
import { useState } from "react";

import { useCancelRun, useQueueAgain, useWithdraw, type RequestFull } from "@/api/requests";
import { useSession } from "@/api/session";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { ErrorNote } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { useSubmit } from "@/hooks/useSubmit";
import { goToVote, mayVote } from "./-voting";

interface Props {
  request: RequestFull;
  editing: boolean;
  onEdit: () => void;
}

/** What may be done with it now: by whoever asked, or a vote. */
export function Actions({ request, editing, onEdit }: Props) {
  const { user } = useSession();
  const [asking, setAsking] = useState<"withdraw" | "cancel" | null>(null);
  const withdraw = useWithdraw();
  const cancel = useCancelRun();
  const queue = useQueueAgain();
  const again = useSubmit(() => queue.mutateAsync(request.id));
  if (request.requester.id !== user.id) {
    return mayVote(request, user) ? (
      <Button variant="default" onClick={goToVote}>
        Vote
      </Button>
    ) : null;
  }
  const editable = request.state === "submitted" || request.state === "changes_requested";
  const open = editable || request.state === "over_budget";
  const running = request.run && !request.run.finished_at ? request.run : null;
  return (
    <>
      {open && (
        <Button variant="default" onClick={() => setAsking("withdraw")}>
          Withdraw
        </Button>
      )}
      {editable && !editing && (
        <Button variant="default" leftSection={<Icon name="edit" size={16} />} onClick={onEdit}>
          Edit
        </Button>
      )}
      {request.state === "over_budget" && (
        <Button loading={again.busy} onClick={() => void again.submit()}>
          Queue again
        </Button>
      )}
      {running && (
        <Button variant="default" onClick={() => setAsking("cancel")}>
          Cancel the run
        </Button>
      )}
      {again.error && <ErrorNote error={again.error} />}
      {asking === "withdraw" && (
        <ConfirmDialog
          title="Withdraw this request"
          confirm="Withdraw"
          danger
          onConfirm={() => withdraw.mutateAsync(request.id)}
          onClose={() => setAsking(null)}
        >
          <p>
            It ends here, and nothing is charged. The conversation stays to be read. You can ask the
            same again later.
          </p>
        </ConfirmDialog>
      )}
      {asking === "cancel" && running && (
        <ConfirmDialog
          title="Cancel the run"
          confirm="Cancel the run"
          danger
          onConfirm={() => cancel.mutateAsync(running.id)}
          onClose={() => setAsking(null)}
        >
          <p>
            You will get no answer. If a worker has taken it already, it stays charged; if not, the
            price goes back to your budget.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
