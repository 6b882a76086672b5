import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { SessionsList } from "@/components/SessionsList";
import { useSubmit } from "@/hooks/useSubmit";

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
      <SessionsList
        label="Your sessions"
        sessions={sessions.data}
        busy={busy}
        onEnd={({ id }) => void submit([id])}
      />
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
