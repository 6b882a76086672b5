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
  /** A program, which costs nothing and says nothing by itself. */
  code?: boolean;
}

/** In place of an answer: why a run that has ended gave none, and what it cost. */
export function RunEnded({ run, explained = false, code = false }: Props) {
  const { user } = useSession();
  if (code) return <CodeEnded run={run} explained={explained} />;
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

function CodeEnded({ run, explained }: { run: Run; explained: boolean }) {
  const { user } = useSession();
  switch (run.state) {
    case "failed":
      return (
        <Note tone="bad">
          <strong>This run could not be finished.</strong> No worker brought it to its end, so there
          is nothing to look at. It can be asked again.
          {can(user.role, "seeDiagnostics") && !explained && (
            <>
              {" "}
              <Link to="/runs/$run" params={{ run: run.id }}>
                See why it failed
              </Link>
            </>
          )}
        </Note>
      );
    case "cancelled":
      return (
        <Note>
          <strong>This run was cancelled.</strong> Nothing it may have returned is kept.
        </Note>
      );
    case "expired":
      return (
        <Note>
          <strong>No worker took this run in time.</strong> Ask again.
        </Note>
      );
    default:
      return null;
  }
}
