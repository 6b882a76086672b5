import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Section } from "@/components/Section";
import { SessionsList, type Session } from "@/components/SessionsList";
import { browserWords } from "@/lib/browser";

export function personSessionsKey(id: string) {
  return ["person", id, "sessions"];
}

/** Where a person is signed in; an owner can end one session and leave the others. */
export function PersonSessions({ user }: { user: Schemas["User"] }) {
  const client = useQueryClient();
  const [ending, setEnding] = useState<Session | null>(null);
  const sessions = useQuery({
    queryKey: personSessionsKey(user.id),
    queryFn: async ({ signal }) => {
      const params = { path: { user_id: user.id } };
      return await unwrap(api.GET("/api/v1/users/{user_id}/sessions", { params, signal }));
    },
  });
  return (
    <Section title="Signed in" lead="Browsers in which they use this console.">
      {sessions.isPending ? (
        <LoadingState what="sessions" rows={2} />
      ) : sessions.isError ? (
        <ErrorState error={sessions.error} onRetry={() => void sessions.refetch()} />
      ) : sessions.data.length === 0 ? (
        <EmptyState title="Not signed in anywhere">
          A browser is listed here from the moment they sign in with it.
        </EmptyState>
      ) : (
        <SessionsList label={`Sessions of ${user.name}`} sessions={sessions.data} onEnd={setEnding} />
      )}
      {ending && (
        <ConfirmDialog
          title={`Sign ${user.name} out there?`}
          confirm="End the session"
          danger
          onClose={() => setEnding(null)}
          onConfirm={async () => {
            const params = { path: { user_id: user.id, session_id: ending.id } };
            try {
              await unwrap(api.DELETE("/api/v1/users/{user_id}/sessions/{session_id}", { params }));
            } finally {
              await client.invalidateQueries({ queryKey: personSessionsKey(user.id) });
            }
          }}
        >
          <p>
            {browserWords(ending.user_agent)} asks for their password again. What they were writing
            stays in it; their other sessions and their keys go on.
          </p>
        </ConfirmDialog>
      )}
    </Section>
  );
}
