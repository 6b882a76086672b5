import { Button, NativeSelect } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { cursorList } from "@/api/queries";
import { useSession, type Role } from "@/api/session";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { FilterBar } from "@/components/FilterBar";
import { Icon } from "@/components/Icon";
import { PageHeader } from "@/components/PageHeader";
import { PersonName } from "@/components/PersonName";
import { SearchField } from "@/components/SearchField";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { can, ROLE_NAMES } from "@/lib/roles";
import { oneOf, text } from "@/lib/search";
import { InviteDialog } from "./-InviteDialog";
import { PeopleTabs } from "./-PeopleTabs";
import { ROLES } from "./-RoleField";

type User = Schemas["User"];

const ACTIVE = ["true", "false"] as const;

interface Wanted {
  q?: string | undefined;
  role?: Role | undefined;
  active?: (typeof ACTIVE)[number] | undefined;
}

export const Route = createFileRoute("/_app/people/")({
  validateSearch: (search: Record<string, unknown>): Wanted => ({
    q: text(search["q"]),
    role: oneOf(search["role"], ROLES),
    active: oneOf(search["active"], ACTIVE),
  }),
  component: PeoplePage,
});

const COLUMNS: DataColumn<User>[] = [
  {
    id: "name",
    header: "Person",
    main: true,
    cell: (row) => <PersonName person={row} full withInitials />,
  },
  { id: "role", header: "Role", cell: (row) => ROLE_NAMES[row.role] },
  {
    id: "groups",
    header: "Groups",
    cell: (row) =>
      row.groups.length > 0 ? (
        row.groups.map(({ name }) => name).join(", ")
      ) : (
        <span className="soft">none</span>
      ),
  },
  { id: "seen", header: "Last seen", cell: (row) => <Time at={row.last_seen_at} /> },
  {
    id: "state",
    header: "State",
    cell: (row) =>
      row.active ? (
        <Badge label="Active" tone="good" icon="check" />
      ) : (
        <Badge label="Deactivated" tone="quiet" icon="stop" />
      ),
  },
];

function PeoplePage() {
  const { user } = useSession();
  const owner = can(user.role, "managePeople");
  const [inviting, setInviting] = useState(false);
  const { filters, setFilters, clearFilters, active } =
    useFilters<Wanted>();
  const people = useInfiniteQuery(
    cursorList<User>(["people", filters], (cursor, signal) => {
      const query = {
        ...(filters.q === undefined ? {} : { q: filters.q }),
        ...(filters.role === undefined ? {} : { role: filters.role }),
        ...(filters.active === undefined ? {} : { active: filters.active === "true" }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      return unwrap(api.GET("/api/v1/users", { params: { query }, signal }));
    }),
  );
  return (
    <>
      <PageHeader
        title="People"
        lead="Everybody who can sign in here, what they may do, and when they were last seen."
        actions={
          owner && (
            <Button leftSection={<Icon name="plus" />} onClick={() => setInviting(true)}>
              Invite somebody
            </Button>
          )
        }
      />
      <PeopleTabs owner={owner} />
      <FilterBar active={active} onClear={clearFilters}>
        <SearchField
          label="Search people"
          value={filters.q}
          onChange={(q) => setFilters({ q }, { replace: true })}
        />
        <NativeSelect
          aria-label="Role"
          value={filters.role ?? ""}
          onChange={(event) => setFilters({ role: oneOf(event.currentTarget.value, ROLES) })}
          data={[
            { value: "", label: "Any role" },
            ...ROLES.map((role) => ({ value: role, label: ROLE_NAMES[role] })),
          ]}
        />
        <NativeSelect
          aria-label="State"
          value={filters.active ?? ""}
          onChange={(event) => setFilters({ active: oneOf(event.currentTarget.value, ACTIVE) })}
          data={[
            { value: "", label: "Active or not" },
            { value: "true", label: "Active" },
            { value: "false", label: "Deactivated" },
          ]}
        />
      </FilterBar>
      <DataTable
        label="people"
        list={people}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        rowLink={(row) => ({ to: "/people/$person", params: { person: row.id } })}
        empty={
          <EmptyState title="Nobody fits these filters">
            Look for another part of their name or address, or take a filter away.
          </EmptyState>
        }
      />
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
    </>
  );
}
