import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import type { components } from "@/api/schema";
import { useMarkRead } from "@/app/notifications";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { PageHeader } from "@/components/PageHeader";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { oneOf } from "@/lib/search";

type Notification = components["schemas"]["Notification"];

interface Filters {
  show?: "unread" | undefined;
}

export const Route = createFileRoute("/_app/notifications")({
  validateSearch: (search: Record<string, unknown>): Filters => ({
    show: oneOf(search["show"], ["unread"] as const),
  }),
  component: NotificationsPage,
});

const COLUMNS: DataColumn<Notification>[] = [
  {
    id: "title",
    header: "What",
    main: true,
    cell: (entry) => (
      <>
        <Title entry={entry} />
        {entry.body && <div className="soft">{entry.body}</div>}
      </>
    ),
  },
  { id: "at", header: "When", width: "10rem", cell: (entry) => <Time at={entry.at} /> },
];

function Title({ entry }: { entry: Notification }) {
  const read = useMarkRead();
  return (
    <Link
      to={entry.link}
      onClick={() => {
        if (entry.read_at === null) read.mutate(entry.id);
      }}
    >
      {entry.read_at === null && <Badge label="New" tone="info" />} {entry.title}
    </Link>
  );
}

function NotificationsPage() {
  const { filters, setFilters } = useFilters<Filters>();
  const unread = filters.show === "unread";
  const read = useMarkRead();
  const list = useInfiniteQuery(
    cursorList(["notifications", "page", unread], (cursor, signal) =>
      unwrap(api.GET("/api/v1/notifications", { params: { query: { unread, cursor } }, signal })),
    ),
  );
  return (
    <>
      <PageHeader
        title="Notifications"
        lead="What the site told you. Which of it comes by e-mail too is set in your profile."
        actions={
          <>
            <Button
              variant="default"
              aria-pressed={unread}
              onClick={() => setFilters({ show: unread ? undefined : "unread" })}
            >
              {unread ? "Show all" : "Unread only"}
            </Button>
            <Button variant="default" onClick={() => read.mutate("all")} loading={read.isPending}>
              Mark all as read
            </Button>
          </>
        }
      />
      <DataTable
        label="notifications"
        list={list}
        columns={COLUMNS}
        rowKey={(entry) => entry.id}
        empty={
          <EmptyState title={unread ? "Nothing unread" : "Nothing yet"}>
            Votes, answers to reviewed questions and new access show up here.
          </EmptyState>
        }
      />
    </>
  );
}
