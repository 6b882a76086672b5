import { Button } from "@mantine/core";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { cursorList } from "@/api/queries";
import { useSession } from "@/api/session";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { Icon } from "@/components/Icon";
import { PageHeader } from "@/components/PageHeader";
import { PersonName } from "@/components/PersonName";
import { StateBadge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { can, ROLE_NAMES } from "@/lib/roles";
import { InviteDialog } from "./-InviteDialog";
import { PeopleTabs } from "./-PeopleTabs";

type Invitation = Schemas["Invitation"];

export const Route = createFileRoute("/_app/people/invitations")({ component: InvitationsPage });

function columns(take: (row: Invitation) => void): DataColumn<Invitation>[] {
  return [
    {
      id: "who",
      header: "Who",
      main: true,
      cell: (row) => <PersonName person={row} full withInitials />,
    },
    { id: "role", header: "As", cell: (row) => ROLE_NAMES[row.role] },
    {
      id: "gets",
      header: "With",
      cell: (row) => gets(row) || <span className="soft">nothing more</span>,
    },
    {
      id: "state",
      header: "State",
      cell: (row) => <StateBadge of="invitation" state={row.state} />,
    },
    {
      id: "until",
      header: "Until",
      cell: (row) => (row.state === "accepted" ? "" : <Time at={row.expires_at} />),
    },
    { id: "by", header: "Invited by", cell: (row) => <PersonName person={row.invited_by} /> },
    {
      id: "act",
      header: "Change",
      cell: (row) =>
        row.state === "pending" && (
          <Button variant="subtle" color="brick" size="compact-md" onClick={() => take(row)}>
            Take back<span className="visually-hidden"> the invitation of {row.name}</span>
          </Button>
        ),
    },
  ];
}

function gets(row: Invitation): string {
  return [...row.groups, ...row.datasets].map(({ name }) => name).join(", ");
}

function InvitationsPage() {
  const { user } = useSession();
  const client = useQueryClient();
  const owner = can(user.role, "managePeople");
  const [inviting, setInviting] = useState(false);
  const [taking, setTaking] = useState<Invitation | null>(null);
  const list = useInfiniteQuery({
    ...cursorList<Invitation>(["people", "invitations"], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/invitations", {
          params: { query: cursor === undefined ? {} : { cursor } },
          signal,
        }),
      ),
    ),
    enabled: owner,
  });
  return (
    <>
      <PageHeader
        title="Invitations"
        lead="Everybody who was invited, and what became of it. A link is shown once, when it is made."
        actions={
          owner && (
            <Button leftSection={<Icon name="plus" />} onClick={() => setInviting(true)}>
              Invite somebody
            </Button>
          )
        }
      />
      <PeopleTabs owner={owner} />
      {owner ? (
        <DataTable
          label="invitations"
          list={list}
          columns={columns(setTaking)}
          rowKey={(row) => row.id}
          empty={
            <EmptyState title="Nobody was invited yet">
              An invitation is a link that works once: whoever opens it chooses a password and is in.
            </EmptyState>
          }
        />
      ) : (
        <EmptyState title="Only owners see invitations">Ask an owner of this site.</EmptyState>
      )}
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
      {taking && (
        <ConfirmDialog
          title={`Take back the invitation of ${taking.name}?`}
          confirm="Take it back"
          danger
          onClose={() => setTaking(null)}
          onConfirm={async () => {
            await unwrap(
              api.DELETE("/api/v1/invitations/{invitation_id}", {
                params: { path: { invitation_id: taking.id } },
              }),
            );
            await client.invalidateQueries({ queryKey: ["people"] });
          }}
        >
          <p>The link that {taking.email} was given opens nothing from now on.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
