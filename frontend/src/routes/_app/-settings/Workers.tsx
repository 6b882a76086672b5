import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { LoadingState } from "@/components/LoadingState";
import { Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { workersQuery } from "../people/-queries";
import { WorkerDialog } from "./WorkerDialog";

type Worker = Schemas["Worker"];

function columns(end: (worker: Worker) => void): DataColumn<Worker>[] {
  return [
    { id: "name", header: "Worker", main: true, cell: (row) => row.name, sort: (row) => row.name },
    { id: "queues", header: "Works on", cell: (row) => row.queues.join(", ") },
    {
      id: "sandbox",
      header: "Holds code by",
      cell: (row) =>
        row.sandbox ? <code>{row.sandbox}</code> : <span className="soft">not told</span>,
    },
    {
      id: "seen",
      header: "Last seen",
      cell: (row) => <Time at={row.last_seen_at} />,
      sort: (row) => row.last_seen_at ?? "",
    },
    {
      id: "state",
      header: "Credential",
      cell: (row) =>
        row.revoked_at === null ? (
          <Badge label="Works" tone="good" icon="check" />
        ) : (
          <Badge label="Revoked" tone="quiet" icon="stop" />
        ),
    },
    {
      id: "end",
      header: "Change",
      cell: (row) =>
        row.revoked_at === null && (
          <Button variant="subtle" color="brick" size="compact-md" onClick={() => end(row)}>
            Revoke<span className="visually-hidden"> the credential of {row.name}</span>
          </Button>
        ),
    },
  ];
}

/** The programs that do the work, each with a credential that opens its queues alone. */
export function Workers() {
  const client = useQueryClient();
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<Worker | null>(null);
  const workers = useQuery(workersQuery);
  return (
    <Section
      title="Workers"
      lead="They alone read private rows, and they never see the database. Each has a credential for its own queues."
      actions={
        <Button
          variant="default"
          leftSection={<Icon name="plus" />}
          onClick={() => setMaking(true)}
        >
          Add a worker
        </Button>
      }
    >
      {workers.isPending ? (
        <LoadingState what="workers" rows={3} />
      ) : workers.isError ? (
        <ErrorState error={workers.error} onRetry={() => void workers.refetch()} />
      ) : (
        <DataTable
          label="workers"
          rows={workers.data}
          columns={columns(setEnding)}
          rowKey={(row) => row.id}
          empty={<EmptyState title="No workers">Without one, nothing is answered.</EmptyState>}
        />
      )}
      {making && <WorkerDialog onClose={() => setMaking(false)} />}
      {ending && (
        <ConfirmDialog
          title={`Revoke the credential of ${ending.name}?`}
          confirm="Revoke"
          danger
          onClose={() => setEnding(null)}
          onConfirm={async () => {
            await unwrap(
              api.DELETE("/api/v1/workers/{worker_id}", {
                params: { path: { worker_id: ending.id } },
              }),
            );
            await client.invalidateQueries({ queryKey: ["settings"] });
          }}
        >
          <p>
            It is turned away from its next call on. Runs it had begun go to another worker, or
            fail if there is none.
          </p>
        </ConfirmDialog>
      )}
    </Section>
  );
}
