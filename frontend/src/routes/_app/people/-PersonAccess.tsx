import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { DatasetPicker } from "@/components/Pickers";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useSubmit } from "@/hooks/useSubmit";
import { can } from "@/lib/roles";
import classes from "./-people.module.css";

type Grant = Schemas["PersonAccess"];

const COLUMNS: DataColumn<Grant>[] = [
  { id: "dataset", header: "Dataset", main: true, cell: (row) => row.dataset },
  { id: "title", header: "Title", cell: (row) => row.title },
  { id: "since", header: "Since", cell: (row) => <Time at={row.granted_at} /> },
];

function takeColumn(take: (grant: Grant) => void): DataColumn<Grant> {
  return {
    id: "take",
    header: "Change",
    cell: (row) => (
      <Button variant="subtle" color="brick" size="compact-md" onClick={() => take(row)}>
        Take away<span className="visually-hidden"> access to {row.dataset}</span>
      </Button>
    ),
  };
}

/** The datasets somebody may ask questions of. */
export function PersonAccess({ user, owner }: { user: Schemas["User"]; owner: boolean }) {
  const client = useQueryClient();
  const [taking, setTaking] = useState<Grant | null>(null);
  const [chosen, setChosen] = useState<string | undefined>();
  const key = ["person", user.id, "access"];
  const access = useQuery({
    queryKey: key,
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/users/{user_id}/access", {
          params: { path: { user_id: user.id } },
          signal,
        }),
      ),
  });
  const refresh = async () => {
    await client.invalidateQueries({ queryKey: key });
    await client.invalidateQueries({ queryKey: ["dataset"] });
  };
  const give = useSubmit(async (dataset: string) => {
    await unwrap(
      api.PUT("/api/v1/datasets/{dataset}/access", {
        params: { path: { dataset } },
        body: { user: user.id },
      }),
    );
    setChosen(undefined);
    await refresh();
  });
  const columns = owner ? [...COLUMNS, takeColumn(setTaking)] : COLUMNS;
  const asks = can(user.role, "ask");
  return (
    <Section title="Datasets" lead="What they may ask questions of. Each comes with a budget.">
      {access.isPending ? (
        <LoadingState what="access" rows={3} />
      ) : access.isError ? (
        <ErrorState error={access.error} onRetry={() => void access.refetch()} />
      ) : (
        <DataTable
          label="datasets"
          rows={access.data}
          columns={columns}
          rowKey={(row) => row.dataset_id}
          rowLink={(row) => ({ to: "/datasets/$dataset", params: { dataset: row.dataset } })}
          empty={
            <EmptyState title="No access to any dataset">
              {asks
                ? "Until they have some, there is nothing that they can ask."
                : "Who has this role asks nothing, so access would be no use."}
            </EmptyState>
          }
        />
      )}
      {owner && user.active && asks && (
        <div className={classes.acts} style={{ marginTop: "1rem" }}>
          <div className={classes.grow}>
            <DatasetPicker
              label="Dataset to give access to"
              value={chosen}
              onChange={setChosen}
              placeholder="Choose a dataset"
            />
          </div>
          <Button
            variant="default"
            disabled={chosen === undefined}
            loading={give.busy}
            onClick={() => chosen !== undefined && void give.submit(chosen)}
          >
            Give access
          </Button>
        </div>
      )}
      {give.error && <ErrorNote error={give.error} />}
      {taking && (
        <ConfirmDialog
          title={`Take ${taking.dataset} from ${user.name}?`}
          confirm="Take away"
          danger
          onClose={() => setTaking(null)}
          onConfirm={async () => {
            await unwrap(
              api.DELETE("/api/v1/datasets/{dataset}/access/{user_id}", {
                params: { path: { dataset: taking.dataset, user_id: user.id } },
              }),
            );
            await refresh();
          }}
        >
          <p>
            They can ask nothing more of it, at once. What they spent of the budget stays spent,
            and the answers they have stay theirs.
          </p>
        </ConfirmDialog>
      )}
    </Section>
  );
}
