import { Button, MultiSelect, SegmentedControl } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import type { RequestSummary } from "@/api/requests";
import { useSession } from "@/api/session";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { FilterBar } from "@/components/FilterBar";
import { PageHeader } from "@/components/PageHeader";
import { PersonName } from "@/components/PersonName";
import { DatasetPicker, PersonPicker } from "@/components/Pickers";
import { SearchField } from "@/components/SearchField";
import { Badge, stateLabel } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { formatShare } from "@/lib/format";
import { can } from "@/lib/roles";
import { list, oneOf, text } from "@/lib/search";
import { RequestBadge } from "./-State";
import { titleOf } from "./-words";
import classes from "./-list.module.css";

const STATES = [
  "submitted",
  "changes_requested",
  "over_budget",
  "queued",
  "rejected",
  "withdrawn",
  "expired",
] as const;

/** What the address says; a link may leave any of it out. */
interface Wanted {
  whose?: "mine" | "all" | undefined;
  state?: (typeof STATES)[number][] | undefined;
  dataset?: string | undefined;
  requester?: string | undefined;
  q?: string | undefined;
  sort?: "oldest" | undefined;
}

export const Route = createFileRoute("/_app/requests/")({
  validateSearch: (search: Record<string, unknown>): Wanted => ({
    whose: oneOf(search["whose"], ["mine", "all"] as const),
    state: list(search["state"], STATES),
    dataset: text(search["dataset"]),
    requester: text(search["requester"]),
    q: text(search["q"]),
    sort: oneOf(search["sort"], ["oldest"] as const),
  }),
  component: RequestsPage,
});

function RequestsPage() {
  const { user } = useSession();
  const { filters, setFilters, clearFilters, active } =
    useFilters<Wanted>();
  const seesAll = can(user.role, "seePeople");
  const { whose, ...asked } = filters;
  const mine = !seesAll || whose === "mine";
  const requests = useInfiniteQuery(
    cursorList(["requests", { ...asked, mine }], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/requests", {
          params: { query: { ...defined(asked), mine, cursor } },
          signal,
        }),
      ),
    ),
  );
  return (
    <>
      <PageHeader
        title="Requests"
        lead={
          seesAll
            ? "Every question and program that was asked of this site's data, and what became of it."
            : "Every question and program you asked for, and what became of it."
        }
        actions={
          can(user.role, "ask") ? (
            <Button renderRoot={(props) => <Link to="/ask" {...props} />}>Ask something</Button>
          ) : undefined
        }
      />
      <FilterBar active={active} onClear={clearFilters}>
        {seesAll && can(user.role, "ask") && (
          <SegmentedControl
            data-fit
            aria-label="Whose requests"
            value={mine ? "mine" : "all"}
            onChange={(value) => setFilters({ whose: value === "mine" ? "mine" : undefined })}
            data={[
              { value: "all", label: "Everyone's" },
              { value: "mine", label: "Mine" },
            ]}
          />
        )}
        <SearchField
          label="Search purposes and ids"
          value={filters.q}
          onChange={(q) => setFilters({ q }, { replace: true })}
        />
        <MultiSelect
          aria-label="State"
          placeholder={filters.state ? "" : "Any state"}
          clearable
          value={filters.state ?? []}
          onChange={(state) => setFilters({ state: list(state, STATES) })}
          data={STATES.map((value) => ({ value, label: stateLabel("request", value) }))}
          clearButtonProps={{ "aria-label": "Clear: State" }}
        />
        <DatasetPicker value={filters.dataset} onChange={(dataset) => setFilters({ dataset })} />
        {seesAll && !mine && (
          <PersonPicker
            label="Who asked"
            value={filters.requester}
            onChange={(requester) => setFilters({ requester })}
          />
        )}
        <SegmentedControl
          data-fit
          aria-label="Order"
          value={filters.sort ?? "newest"}
          onChange={(value) => setFilters({ sort: value === "oldest" ? value : undefined })}
          data={[
            { value: "newest", label: "Newest first" },
            { value: "oldest", label: "Oldest first" },
          ]}
        />
      </FilterBar>
      <DataTable
        label="requests"
        list={requests}
        columns={mine ? COLUMNS.filter(({ id }) => id !== "requester") : COLUMNS}
        rowKey={(row) => row.id}
        rowLink={(row) => ({ to: "/requests/$request", params: { request: row.id } })}
        empty={<Nothing filtered={active > 0} asks={can(user.role, "ask")} />}
      />
    </>
  );
}

function Nothing({ filtered, asks }: { filtered: boolean; asks: boolean }) {
  if (filtered) {
    return (
      <EmptyState title="No request fits these filters">
        Take one away, or look for other words of the purpose.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title="No requests yet"
      action={
        asks ? (
          <Button variant="default" renderRoot={(props) => <Link to="/ask" {...props} />}>
            Ask something
          </Button>
        ) : undefined
      }
    >
      Questions show up here once they are asked, with their price, their votes and their answer.
    </EmptyState>
  );
}

const COLUMNS: DataColumn<RequestSummary>[] = [
  {
    id: "request",
    header: "Request",
    main: true,
    cell: (row) => (
      <span className={classes.title}>
        {titleOf(row)}
        {row.purpose.trim() !== "" && <span className={classes.sub}>{row.in_words}</span>}
      </span>
    ),
  },
  {
    id: "state",
    header: "State",
    cell: (row) => <RequestBadge state={row.state} runState={row.run_state} output={row.output_state} />,
  },
  { id: "dataset", header: "Dataset", cell: (row) => row.dataset },
  { id: "requester", header: "Who asked", cell: (row) => <PersonName person={row.requester} /> },
  {
    id: "share",
    header: "Of budget",
    numeric: true,
    cell: (row) =>
      row.kind === "code" ? (
        <Badge label="Code" tone="info" />
      ) : (
        <span className={classes.figure}>{formatShare(row.share)}</span>
      ),
  },
  {
    id: "asked",
    header: "Asked",
    cell: (row) => (
      <span className={classes.figure}>
        <Time at={row.created_at} />
      </span>
    ),
  },
];

/** Without what is not set, as the client's types want it. */
function defined<T extends object>(filters: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(filters).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
