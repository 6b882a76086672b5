import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { cursorList } from "@/api/queries";
import { useSession } from "@/api/session";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { Icon } from "@/components/Icon";
import { PageHeader } from "@/components/PageHeader";
import { Time } from "@/components/Time";
import { formatCount } from "@/lib/format";
import { can } from "@/lib/roles";
import { PeopleTabs } from "../-PeopleTabs";
import { GroupDialog } from "./-GroupDialog";

type Group = Schemas["Group"];

export const Route = createFileRoute("/_app/people/groups/")({ component: GroupsPage });

const COLUMNS: DataColumn<Group>[] = [
  { id: "name", header: "Group", main: true, cell: (row) => row.name },
  { id: "description", header: "What it is for", cell: (row) => row.description },
  { id: "size", header: "People", numeric: true, cell: (row) => formatCount(row.size) },
  { id: "made", header: "Made", cell: (row) => <Time at={row.created_at} /> },
];

function GroupsPage() {
  const { user } = useSession();
  const navigate = useNavigate();
  const owner = can(user.role, "managePeople");
  const [making, setMaking] = useState(false);
  const groups = useInfiniteQuery(
    cursorList<Group>(["groups", "list"], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/groups", {
          params: { query: cursor === undefined ? {} : { cursor } },
          signal,
        }),
      ),
    ),
  );
  return (
    <>
      <PageHeader
        title="Groups"
        lead="People who decide or work together. A dataset’s rules can ask for a vote from a group, and a group can be given access in one go."
        actions={
          owner && (
            <Button leftSection={<Icon name="plus" />} onClick={() => setMaking(true)}>
              Make a group
            </Button>
          )
        }
      />
      <PeopleTabs owner={owner} />
      <DataTable
        label="groups"
        list={groups}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        rowLink={(row) => ({ to: "/people/groups/$group", params: { group: row.id } })}
        empty={
          <EmptyState title="No groups yet">
            A board that has to agree, or a team that works on the same data.
          </EmptyState>
        }
      />
      {making && (
        <GroupDialog
          onClose={() => setMaking(false)}
          onSaved={(group) =>
            navigate({ to: "/people/groups/$group", params: { group: group.id } })
          }
        />
      )}
    </>
  );
}
