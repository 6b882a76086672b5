import { useDecide, type Decision, type RequestFull } from "@/api/requests";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { PlanInWords } from "@/components/PlanInWords";
import { plural } from "@/lib/format";
import { wordsOf } from "../requests/-words";
import classes from "./-review.module.css";

interface Props {
  decision: Decision;
  /** As it was shown when the key was pressed: the vote is for this content and no other. */
  request: RequestFull;
  onDone: (words: string) => void;
  onClose: () => void;
}

const WORDS: Record<
  Decision,
  { title: string; confirm: string; done: string; danger: boolean; reason: string }
> = {
  approve: {
    title: "Approve this request",
    confirm: "Approve",
    done: "You approved it.",
    danger: false,
    reason: "Reason, if you like",
  },
  return: {
    title: "Return it for changes",
    confirm: "Return for changes",
    done: "You returned it for changes.",
    danger: false,
    reason: "What has to change",
  },
  reject: {
    title: "Reject this request",
    confirm: "Reject",
    done: "You rejected it.",
    danger: true,
    reason: "Why it is refused",
  },
};

/** A vote from the queue, with what it is for once more. */
export function DecisionDialog({ decision, request, onDone, onClose }: Props) {
  const words = WORDS[decision];
  const decide = useDecide();
  return (
    <ConfirmDialog
      title={words.title}
      confirm={words.confirm}
      danger={words.danger}
      reason={{
        label: words.reason,
        required: decision !== "approve",
        draft: `vote:${request.id}:${decision}`,
      }}
      onConfirm={async (reason) => {
        await decide.mutateAsync({
          id: request.id,
          decision,
          contentHash: request.content_hash,
          reason,
        });
        onDone(`${words.done} ${request.requester.name}, ${request.dataset}.`);
      }}
      onClose={onClose}
    >
      <div className={classes.summary}>
        <p className="soft">
          {request.requester.name} asks {request.kind === "code" ? "to run code on " : ""}
          {request.dataset}:
        </p>
        {request.price ? <PlanInWords price={request.price} brief /> : <p>{wordsOf(request)}</p>}
      </div>
      <p>{consequence(decision, request)}</p>
    </ConfirmDialog>
  );
}

function consequence(decision: Decision, request: RequestFull): string {
  if (decision === "approve") {
    return request.votes_needed > 1
      ? `It takes ${plural(request.votes_needed, "approval")}; nobody sees yours before it is decided.`
      : request.kind === "code"
        ? "It then runs at once. What it returns is held until people have looked at it."
        : "It then runs at once, if the budgets can pay for it.";
  }
  return decision === "return"
    ? "Whoever asked reads this, and may edit the request and send it again."
    : "It ends for good. Whoever asked reads this.";
}
