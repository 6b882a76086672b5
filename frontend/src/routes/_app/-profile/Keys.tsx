import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { KeysTable } from "@/components/KeysTable";
import { LoadingState } from "@/components/LoadingState";
import { Section } from "@/components/Section";
import { KeyDialog } from "./KeyDialog";

/** One's own API keys. */
export function MyKeys() {
  const client = useQueryClient();
  const [making, setMaking] = useState(false);
  const keys = useQuery({
    queryKey: ["keys"],
    queryFn: async ({ signal }) => {
      const params = { query: { limit: 200 } };
      return (await unwrap(api.GET("/api/v1/keys", { params, signal }))).items;
    },
  });
  return (
    <Section
      title="API keys"
      lead="What your programs sign in with: notebooks, scripts, the command line."
      actions={
        <Button leftSection={<Icon name="key" />} onClick={() => setMaking(true)}>
          Make a key
        </Button>
      }
    >
      {keys.isPending ? (
        <LoadingState what="your keys" rows={3} />
      ) : keys.isError ? (
        <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
      ) : (
        <KeysTable
          keys={keys.data}
          empty={
            <EmptyState title="No API keys yet">
              Make one to ask from Python or a terminal instead of this page.
            </EmptyState>
          }
          onRevoke={async (key) => {
            const params = { path: { key_id: key.id } };
            await unwrap(api.DELETE("/api/v1/keys/{key_id}", { params }));
            await client.invalidateQueries({ queryKey: ["keys"] });
          }}
        />
      )}
      {making && <KeyDialog onClose={() => setMaking(false)} />}
    </Section>
  );
}
