import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { useSession } from "@/api/session";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { PersonName } from "@/components/PersonName";
import { PersonPicker } from "@/components/Pickers";
import { Section } from "@/components/Section";
import { useSubmit } from "@/hooks/useSubmit";
import { can } from "@/lib/roles";
import { groupQuery } from "../-queries";
import classes from "../-people.module.css";
import { GroupDialog } from "./-GroupDialog";

type Person = Schemas["Person"];

export const Route = createFileRoute("/_app/people/groups/$group")({ component: GroupPage });

const COLUMNS: DataColumn<Person>[] = [
  {
    id: "who",
    header: "Person",
    main: true,
    cell: (row) => <PersonName person={row} full withInitials />,
    sort: (row) => row.name,
  },
];

function outColumn(take: (person: Person) => void): DataColumn<Person> {
  return {
    id: "out",
    header: "Change",
    cell: (row) => (
      <Button variant="subtle" color="brick" size="compact-md" onClick={() => take(row)}>
        Take out<span className="visually-hidden"> {row.name}</span>
      </Button>
    ),
  };
}

function GroupPage() {
  const { group: id } = Route.useParams();
  const { user } = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const owner = can(user.role, "managePeople");
  const [dialog, setDialog] = useState<"edit" | "delete" | null>(null);
  const [chosen, setChosen] = useState<string | undefined>();
  const group = useQuery(groupQuery(id));
  const refresh = async () => {
    await client.invalidateQueries({ queryKey: ["groups"] });
    await client.invalidateQueries({ queryKey: ["person"] });
    await client.invalidateQueries({ queryKey: ["people"] });
  };
  const path = (person: string) => ({ params: { path: { group: id, user_id: person } } });
  const join = useSubmit(async (person: string) => {
    await unwrap(api.PUT("/api/v1/groups/{group}/members/{user_id}", path(person)));
    setChosen(undefined);
    await refresh();
  });
  const leave = useSubmit(async (person: string) => {
    await unwrap(api.DELETE("/api/v1/groups/{group}/members/{user_id}", path(person)));
    await refresh();
  });
  const back = <Link to="/people/groups">Groups</Link>;
  if (!group.data) {
    return (
      <>
        <PageHeader title="Group" eyebrow={back} />
        {group.isError ? (
          <ErrorState error={group.error} onRetry={() => void group.refetch()} />
        ) : (
          <LoadingState what="the group" />
        )}
      </>
    );
  }
  const columns = owner
    ? [...COLUMNS, outColumn((person) => void leave.submit(person.id))]
    : COLUMNS;
  const error = join.error ?? leave.error;
  return (
    <>
      <PageHeader
        title={group.data.name}
        eyebrow={back}
        lead={group.data.description}
        actions={
          owner && (
            <>
              <Button variant="default" onClick={() => setDialog("edit")}>
                Change
              </Button>
              <Button color="brick" variant="outline" onClick={() => setDialog("delete")}>
                Delete
              </Button>
            </>
          )
        }
      />
      {owner && (
        <Section
          title="Put somebody in"
          lead="They get no access to what the group was given before: give it to the group again."
        >
          <div className={classes.acts}>
            <div className={classes.grow}>
              <PersonPicker label="Person" by="id" value={chosen} onChange={setChosen} placeholder="Choose a person" />
            </div>
            <Button
              variant="default"
              disabled={chosen === undefined}
              loading={join.busy}
              onClick={() => chosen !== undefined && void join.submit(chosen)}
            >
              Put in
            </Button>
          </div>
          {error && <ErrorNote error={error} />}
        </Section>
      )}
      <Section title="Members">
        <DataTable
          label="members"
          rows={group.data.members}
          columns={columns}
          rowKey={(row) => row.id}
          rowLink={(row) => ({ to: "/people/$person", params: { person: row.id } })}
          empty={<EmptyState title="Nobody is in it yet" />}
        />
      </Section>
      {dialog === "edit" && <GroupDialog group={group.data} onClose={() => setDialog(null)} />}
      {dialog === "delete" && (
        <ConfirmDialog
          title={`Delete ${group.data.name}?`}
          confirm="Delete"
          danger
          onClose={() => setDialog(null)}
          onConfirm={async () => {
            await unwrap(
              api.DELETE("/api/v1/groups/{group}", { params: { path: { group: id } } }),
            );
            void navigate({ to: "/people/groups" });
            await client.invalidateQueries({ queryKey: ["groups", "list"] });
            await client.invalidateQueries({ queryKey: ["groups", "choices"] });
          }}
        >
          <p>
            Its members stay, and keep the access they have. A group that a dataset’s rules name
            cannot be deleted.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
