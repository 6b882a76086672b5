import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, unwrap, type Schemas } from "@/api/client";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { KeysTable, type Key } from "@/components/KeysTable";
import { LoadingState } from "@/components/LoadingState";
import { Section } from "@/components/Section";

export function personKeysQuery(id: string) {
  return queryOptions({
    queryKey: ["person", id, "keys"],
    queryFn: async ({ signal }) => {
      const params = { path: { user_id: id }, query: { limit: 200 } };
      return (await unwrap(api.GET("/api/v1/users/{user_id}/keys", { params, signal }))).items;
    },
  });
}

/** Keys that still open something. */
export function liveKeys(keys: readonly Key[]): Key[] {
  return keys.filter(
    (key) => key.revoked_at === null && new Date(key.expires_at).getTime() > Date.now(),
  );
}

/** A person's API keys; an owner can end them, and never sees them. */
export function PersonKeys({ user }: { user: Schemas["User"] }) {
  const client = useQueryClient();
  const keys = useQuery(personKeysQuery(user.id));
  return (
    <Section
      title="API keys"
      lead="What programs of theirs sign in with. Nobody can read a key once it was made."
    >
      {keys.isPending ? (
        <LoadingState what="keys" rows={3} />
      ) : keys.isError ? (
        <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
      ) : (
        <KeysTable
          keys={keys.data}
          empty={<EmptyState title="No API keys">They make their own, in their profile.</EmptyState>}
          onRevoke={async (key) => {
            await unwrap(
              api.DELETE("/api/v1/users/{user_id}/keys/{key_id}", {
                params: { path: { user_id: user.id, key_id: key.id } },
              }),
            );
            await client.invalidateQueries({ queryKey: ["person", user.id] });
          }}
        />
      )}
    </Section>
  );
}
