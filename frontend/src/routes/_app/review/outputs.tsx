import { SegmentedControl } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { api } from "@/api/client";
import type { HeldSummary } from "@/api/code";
import { cursorList, type CursorPage } from "@/api/queries";
import { given } from "@/api/requests";
import { useSession } from "@/api/session";
import { LEVEL_LOOK } from "@/components/code/levels";
import { EndingBadge } from "@/components/code/RunReportView";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { FilterBar } from "@/components/FilterBar";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { PersonName } from "@/components/PersonName";
import { DatasetPicker, PersonPicker } from "@/components/Pickers";
import { Badge, StateBadge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { formatCount } from "@/lib/format";
import { can } from "@/lib/roles";
import { oneOf, text } from "@/lib/search";
import { ReviewTabs } from "./-ReviewTabs";
import classes from "./-review.module.css";

/** What the address says; a link may leave any of it out. */
interface Wanted {
  show?: "held" | "all" | undefined;
  dataset?: string | undefined;
  requester?: string | undefined;
  sort?: "newest" | undefined;
}

export const Route = createFileRoute("/_app/review/outputs")({
  validateSearch: (search: Record<string, unknown>): Wanted => ({
    show: oneOf(search["show"], ["held", "all"] as const),
    dataset: text(search["dataset"]),
    requester: text(search["requester"]),
    sort: oneOf(search["sort"], ["newest"] as const),
  }),
  component: OutputsPage,
});

function OutputsPage() {
  const { user } = useSession();
  if (!can(user.role, "review")) {
    return (
      <>
        <PageHeader title="Outputs" />
        <Note tone="quiet">Reviewers and owners decide here what leaves.</Note>
      </>
    );
  }
  return <Outputs />;
}

function Outputs() {
  const { filters, setFilters, clearFilters, active } = useFilters<Wanted>();
  const { show, dataset, requester } = filters;
  const list = useInfiniteQuery(
    cursorList(["outputs", filters], (cursor, signal) =>
      given<CursorPage<HeldSummary>>(
        api.GET("/api/v1/outputs", {
          params: {
            query: {
              ...(show === undefined ? { to_decide: true } : {}),
              ...(show === "held" ? { state: ["held" as const] } : {}),
              ...(dataset ? { dataset } : {}),
              ...(requester ? { requester } : {}),
              sort: filters.sort ?? ("oldest" as const),
              ...(cursor ? { cursor } : {}),
            },
          },
          signal,
        }),
      ),
    ),
  );
  return (
    <>
      <PageHeader
        title="Outputs"
        lead="What approved code returned. Nothing of it leaves before people have looked at it and let it go."
      />
      <ReviewTabs />
      <FilterBar active={active} onClear={clearFilters}>
        <SegmentedControl
          data-fit
          aria-label="Which outputs"
          value={show ?? "mine"}
          onChange={(value) => setFilters({ show: value === "held" || value === "all" ? value : undefined })}
          data={[
            { value: "mine", label: "For me to decide" },
            { value: "held", label: "All under review" },
            { value: "all", label: "Decided too" },
          ]}
        />
        <DatasetPicker value={dataset} onChange={(value) => setFilters({ dataset: value })} />
        <PersonPicker
          label="Who asked"
          value={requester}
          onChange={(value) => setFilters({ requester: value })}
        />
        <SegmentedControl
          data-fit
          aria-label="Order"
          value={filters.sort ?? "oldest"}
          onChange={(value) => setFilters({ sort: value === "newest" ? value : undefined })}
          data={[
            { value: "oldest", label: "Oldest first" },
            { value: "newest", label: "Newest first" },
          ]}
        />
      </FilterBar>
      <DataTable
        label="outputs"
        list={list}
        columns={COLUMNS}
        rowKey={(row) => row.run_id}
        rowLink={(row) => ({ to: "/outputs/$run", params: { run: row.run_id } })}
        empty={
          active > 0 ? (
            <EmptyState title="No output fits these filters">
              Take one away, or look at those decided too.
            </EmptyState>
          ) : (
            <EmptyState title="Nothing waits for you">
              Once approved code has run, what it returned comes here. Your own never does: others
              decide on that.
            </EmptyState>
          )
        }
      />
    </>
  );
}

const COLUMNS: DataColumn<HeldSummary>[] = [
  {
    id: "output",
    header: "Output",
    main: true,
    cell: (row) => row.purpose.trim().split("\n")[0] || row.title,
  },
  { id: "program", header: "Program", wideOnly: true, cell: (row) => <code>{row.title}</code> },
  { id: "dataset", header: "Dataset", cell: (row) => row.dataset },
  { id: "requester", header: "Who asked", cell: (row) => <PersonName person={row.requester} /> },
  {
    id: "state",
    header: "State",
    cell: (row) => (
      <span className={classes.marks}>
        <StateBadge of="output" state={row.state} />
        {row.state === "held" && row.voted && <Badge label="You have voted" />}
      </span>
    ),
  },
  { id: "ending", header: "How it ended", cell: (row) => <EndingBadge ending={row.ending} /> },
  {
    id: "checks",
    header: "Checks",
    cell: (row) =>
      row.worst ? (
        <Badge
          label={LEVEL_LOOK[row.worst].one}
          tone={LEVEL_LOOK[row.worst].tone}
          icon={LEVEL_LOOK[row.worst].icon}
        />
      ) : (
        <span className="soft">nothing found</span>
      ),
  },
  { id: "items", header: "Items", numeric: true, cell: (row) => formatCount(row.items) },
  { id: "recorded", header: "Since", cell: (row) => <Time at={row.recorded_at} /> },
];
