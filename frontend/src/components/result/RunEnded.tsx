import { Link } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import { useSession } from "@/api/session";
import { Note } from "@/components/Note";
import { can } from "@/lib/roles";

type Run = Pick<Schemas["Run"], "id" | "state">;

interface Props {
  run: Run;
  /** Whether the page says itself why a run failed, to those who may know. */
  explained?: boolean;
}

/** In place of an answer: why a run that has ended gave none, and what it cost. */
export function RunEnded({ run, explained = false }: Props) {
  const { user } = useSession();
  switch (run.state) {
    case "failed":
      return (
        <Note tone="bad">
          <strong>This run gave no answer.</strong> It stays charged.{" "}
          {can(user.role, "seeDiagnostics") ? (
            <>
              Whoever asked does not learn why, since the reason could tell something about the data.{" "}
              {explained ? (
                "It stands below."
              ) : (
                <Link to="/runs/$run" params={{ run: run.id }}>
                  See why it failed
                </Link>
              )}
            </>
          ) : (
            <>
              Why is for the owner alone to know, since the reason could tell something about the
              data; they can see it. Ask them, or ask again later.
            </>
          )}
        </Note>
      );
    case "cancelled":
      return (
        <Note>
          <strong>This run was cancelled.</strong> It gave no answer. If a worker had taken it, it
          stays charged; if not, its price went back to the budget.
        </Note>
      );
    case "expired":
      return (
        <Note>
          <strong>No worker took this run in time.</strong> Nothing was charged; ask again.
        </Note>
      );
    default:
      return null;
  }
}
