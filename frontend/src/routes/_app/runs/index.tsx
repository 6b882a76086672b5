import { MultiSelect, SegmentedControl, Switch } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { api, unwrap, type components } from "@/api/client";
import { cursorList } from "@/api/queries";
import { useSession } from "@/api/session";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { FilterBar } from "@/components/FilterBar";
import { PageHeader } from "@/components/PageHeader";
import { PersonName } from "@/components/PersonName";
import { Badge, stateLabel } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { formatDuration } from "@/lib/format";
import { can } from "@/lib/roles";
import { flag, list, oneOf } from "@/lib/search";
import listed from "../requests/-list.module.css";
import { PrivateMark } from "./-Private";
import { RunBadge } from "./-RunBadge";

type RunSummary = components["schemas"]["RunSummary"];

const STATES = ["queued", "claimed", "running", "succeeded", "failed", "cancelled", "expired"] as const;

const KINDS = ["query", "code", "black_box", "ingest"] as const;

/** What the address says; a link may leave any of it out. */
interface Wanted {
  whose?: "mine" | undefined;
  state?: (typeof STATES)[number][] | undefined;
  failed?: boolean | undefined;
  overran?: boolean | undefined;
  kind?: (typeof KINDS)[number] | undefined;
}

export const Route = createFileRoute("/_app/runs/")({
  validateSearch: (search: Record<string, unknown>): Wanted => ({
    whose: oneOf(search["whose"], ["mine"] as const),
    state: list(search["state"], STATES),
    failed: flag(search["failed"]),
    overran: flag(search["overran"]),
    kind: oneOf(search["kind"], KINDS),
  }),
  component: RunsPage,
});

function RunsPage() {
  const { user } = useSession();
  const { filters, setFilters, clearFilters, active } =
    useFilters<Wanted>();
  const seesAll = can(user.role, "seePeople");
  const diagnoses = can(user.role, "seeDiagnostics");
  const mine = !seesAll || filters.whose === "mine";
  const runs = useInfiniteQuery(
    cursorList(["runs", { ...filters, mine }], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/runs", {
          params: {
            query: {
              mine,
              cursor,
              state: filters.state,
              kind: filters.kind,
              failed: filters.failed,
              // Only owners and auditors may ask by this.
              overran: diagnoses ? filters.overran : undefined,
            } as never,
          },
          signal,
        }),
      ),
    ),
  );
  return (
    <>
      <PageHeader
        title="Runs"
        lead={
          diagnoses
            ? "What workers do and did. Owners and auditors see runs as they are; everybody else sees them on the public clock."
            : "What came of your questions once they were sent. An end shows at its public time, so that no time tells anything about the data."
        }
      />
      <FilterBar active={active} onClear={clearFilters}>
        {seesAll && can(user.role, "ask") && (
          <SegmentedControl
            data-fit
            aria-label="Whose runs"
            value={mine ? "mine" : "all"}
            onChange={(value) => setFilters({ whose: value === "mine" ? value : undefined })}
            data={[
              { value: "all", label: "Everyone's" },
              { value: "mine", label: "Mine" },
            ]}
          />
        )}
        <MultiSelect
          aria-label="State"
          placeholder={filters.state ? "" : "Any state"}
          clearable
          value={filters.state ?? []}
          onChange={(state) => setFilters({ state: list(state, STATES) })}
          data={STATES.filter((value) => diagnoses || value !== "claimed").map((value) => ({
            value,
            label: stateLabel("run", value),
          }))}
          clearButtonProps={{ "aria-label": "Clear: State" }}
        />
        {diagnoses && (
          <SegmentedControl
            data-fit
            aria-label="Kind"
            value={filters.kind ?? "all"}
            onChange={(value) => setFilters({ kind: oneOf(value, KINDS) })}
            data={[
              { value: "all", label: "All kinds" },
              { value: "query", label: "Questions" },
              { value: "code", label: "Code" },
              { value: "black_box", label: "Black boxes" },
              { value: "ingest", label: "Uploads" },
            ]}
          />
        )}
        <Switch
          wrapperProps={{ "data-fit": true }}
          label="Failed"
          checked={filters.failed ?? false}
          onChange={(event) => setFilters({ failed: event.currentTarget.checked || undefined })}
        />
        {diagnoses && (
          <Switch
            wrapperProps={{ "data-fit": true }}
            label="Overran"
            checked={filters.overran ?? false}
            onChange={(event) => setFilters({ overran: event.currentTarget.checked || undefined })}
          />
        )}
      </FilterBar>
      {diagnoses && (
        <PrivateMark>
          States, ends and overruns are shown as they are: private to owners and auditors.
        </PrivateMark>
      )}
      <DataTable
        label="runs"
        list={runs}
        columns={columnsFor(diagnoses, mine)}
        rowKey={(row) => row.id}
        rowLink={(row) => ({ to: "/runs/$run", params: { run: row.id } })}
        empty={
          active > 0 ? (
            <EmptyState title="No run fits these filters">Take one away to see more.</EmptyState>
          ) : (
            <EmptyState title="No runs yet">
              A question runs once it is approved and paid for.
            </EmptyState>
          )
        }
      />
    </>
  );
}

function columnsFor(diagnoses: boolean, mine: boolean): DataColumn<RunSummary>[] {
  const columns: (DataColumn<RunSummary> | false)[] = [
    {
      id: "run",
      header: "Run",
      main: true,
      cell: (row) => (
        <span className={listed.title}>
          {row.kind === "ingest" ? `Upload to ${row.dataset}` : row.purpose || `A question about ${row.dataset}`}
          <span className={listed.sub}>{row.id}</span>
        </span>
      ),
    },
    {
      id: "state",
      header: "State",
      cell: (row) => (
        <>
          <RunBadge kind={row.kind} state={row.state} />{" "}
          {row.overran && <Badge label="Overran" tone="wait" icon="clock" />}
        </>
      ),
    },
    { id: "dataset", header: "Dataset", cell: (row) => row.dataset },
    !mine && {
      id: "requester",
      header: "Who asked",
      cell: (row) => (row.requester ? <PersonName person={row.requester} /> : <span className="soft">an owner</span>),
    },
    {
      id: "queued",
      header: "Sent",
      cell: (row) => (
        <span className={listed.figure}>
          <Time at={row.queued_at} />
        </span>
      ),
    },
    {
      id: "ended",
      header: "Ended",
      cell: (row) => (
        <span className={listed.figure}>
          <Time at={row.finished_at} none="not yet" />
        </span>
      ),
    },
    diagnoses && {
      id: "deadline",
      header: "Deadline",
      numeric: true,
      wideOnly: true,
      cell: (row) => (row.deadline_ms > 0 ? formatDuration(row.deadline_ms) : <span className="soft">none</span>),
    },
  ];
  return columns.filter((column) => column !== false);
}
