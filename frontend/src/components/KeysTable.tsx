import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";

import type { Schemas } from "@/api/client";
import { ConfirmDialog } from "./ConfirmDialog";
import { DataTable, type DataColumn } from "./DataTable";
import { Badge } from "./StateBadge";
import { Time } from "./Time";

export type Key = Schemas["ApiKey"];

function columns(end: (key: Key) => void): DataColumn<Key>[] {
  return [
    { id: "label", header: "Key", main: true, cell: (row) => row.label, sort: (row) => row.label },
    { id: "prefix", header: "Begins with", cell: (row) => <code>{row.prefix}…</code> },
    { id: "scopes", header: "May", cell: (row) => row.scopes.join(", ") },
    {
      id: "used",
      header: "Last used",
      cell: (row) => <Time at={row.last_used_at} />,
      sort: (row) => row.last_used_at ?? "",
    },
    {
      id: "state",
      header: "State",
      cell: (row) => <KeyState of={row} />,
      sort: (row) => row.revoked_at ?? row.expires_at,
    },
    {
      id: "end",
      header: "Change",
      cell: (row) =>
        works(row) && (
          <Button variant="subtle" color="brick" size="compact-md" onClick={() => end(row)}>
            Revoke<span className="visually-hidden"> the key {row.label}</span>
          </Button>
        ),
    },
  ];
}

/** API keys, without their secrets: what each may do, whether it still works, and ending it. */
export function KeysTable({
  keys,
  empty,
  onRevoke,
}: {
  keys: readonly Key[];
  empty: ReactNode;
  onRevoke: (key: Key) => Promise<unknown>;
}) {
  const [ending, setEnding] = useState<Key | null>(null);
  return (
    <>
      <DataTable
        label="API keys"
        rows={keys}
        columns={columns(setEnding)}
        rowKey={(row) => row.id}
        empty={empty}
      />
      {ending && (
        <ConfirmDialog
          title={`Revoke the key “${ending.label}”?`}
          confirm="Revoke"
          danger
          onClose={() => setEnding(null)}
          onConfirm={() => onRevoke(ending)}
        >
          <p>
            Programs that use it are turned away from their next request on. A revoked key never
            works again.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

function works(key: Key): boolean {
  return key.revoked_at === null && new Date(key.expires_at).getTime() > Date.now();
}

function KeyState({ of: key }: { of: Key }) {
  if (key.revoked_at !== null) {
    return (
      <span>
        <Badge label="Revoked" tone="quiet" icon="stop" /> <Time at={key.revoked_at} />
      </span>
    );
  }
  if (!works(key)) return <Badge label="Expired" tone="quiet" icon="clock" />;
  return (
    <span>
      <Badge label="Works" tone="good" icon="check" />{" "}
      <span className="soft">
        expires <Time at={key.expires_at} />
      </span>
    </span>
  );
}
