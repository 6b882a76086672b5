import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useSubmit } from "@/hooks/useSubmit";
import { browserWords } from "./browser";
import classes from "./Profile.module.css";

/** One's sessions, each to be ended; the one in use ends by signing out. */
export function MySessions() {
  const client = useQueryClient();
  const sessions = useQuery({
    queryKey: ["sessions"],
    queryFn: async ({ signal }) => await unwrap(api.GET("/api/v1/sessions", { signal })),
  });
  const { submit, busy, error } = useSubmit(async (ids: string[]) => {
    try {
      for (const session_id of ids) {
        const params = { path: { session_id } };
        await unwrap(api.DELETE("/api/v1/sessions/{session_id}", { params }));
      }
    } finally {
      await client.invalidateQueries({ queryKey: ["sessions"] });
    }
  });
  if (sessions.isPending) return <LoadingState what="your sessions" rows={3} />;
  if (sessions.isError) {
    return <ErrorState error={sessions.error} onRetry={() => void sessions.refetch()} />;
  }
  const others = sessions.data.filter((session) => !session.current);
  return (
    <>
      <ul className={classes.sessions} aria-label="Your sessions">
        {sessions.data.map((session) => (
          <li key={session.id} className={classes.session}>
            <div>
              <div className={classes.browser}>
                <strong title={session.user_agent}>{browserWords(session.user_agent)}</strong>
                {session.current && <Badge label="This one" tone="good" icon="check" />}
              </div>
              <span className="soft">
                Signed in <Time at={session.created_at} />, last used{" "}
                <Time at={session.last_seen_at} />
              </span>
            </div>
            {!session.current && (
              <Button
                variant="subtle"
                color="brick"
                size="compact-md"
                disabled={busy}
                onClick={() => void submit([session.id])}
              >
                End
                <span className="visually-hidden">
                  {" "}
                  the session in {browserWords(session.user_agent)}
                </span>
              </Button>
            )}
          </li>
        ))}
      </ul>
      {error && <ErrorNote error={error} />}
      {others.length > 1 && (
        <div>
          <Button
            variant="default"
            loading={busy}
            onClick={() => void submit(others.map(({ id }) => id))}
          >
            End all the others
          </Button>
        </div>
      )}
    </>
  );
}
