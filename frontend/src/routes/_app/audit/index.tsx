import { NativeSelect, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useId } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { cursorList } from "@/api/queries";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { FilterBar } from "@/components/FilterBar";
import { PageHeader } from "@/components/PageHeader";
import { PersonPicker } from "@/components/Pickers";
import { SearchField } from "@/components/SearchField";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { text } from "@/lib/search";
import { actionWords, FAMILIES } from "./-actions";
import { Actor } from "./-Actor";
import classes from "./-audit.module.css";
import { AuditTabs } from "./-AuditTabs";
import { Subject } from "./-Subject";

type Event = Schemas["NamedAuditEvent"];

interface Wanted {
  actor?: string | undefined;
  action?: string | undefined;
  subject?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

export const Route = createFileRoute("/_app/audit/")({
  validateSearch: (search: Record<string, unknown>): Wanted => ({
    actor: text(search["actor"]),
    action: text(search["action"]),
    subject: text(search["subject"]),
    since: day(search["since"]),
    until: day(search["until"]),
  }),
  component: AuditPage,
});

function day(value: unknown): string | undefined {
  const written = text(value);
  if (written === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(written)) return undefined;
  return Number.isNaN(new Date(`${written}T00:00`).getTime()) ? undefined : written;
}

/** The beginning of a day where the reader is; `after` days later. */
function beginning(written: string, after = 0): string {
  const at = new Date(`${written}T00:00`);
  at.setDate(at.getDate() + after);
  return at.toISOString();
}

const COLUMNS: DataColumn<Event>[] = [
  {
    id: "what",
    header: "What happened",
    main: true,
    cell: (row) => (
      <span className={classes.what}>
        {actionWords(row.action)}
        <code>{row.action}</code>
      </span>
    ),
  },
  { id: "who", header: "Who", cell: (row) => <Actor event={row} /> },
  { id: "about", header: "About", cell: (row) => <Subject event={row} /> },
  {
    id: "when",
    header: "When",
    cell: (row) => (
      <span className={classes.when}>
        <Time at={row.at} absolute />
      </span>
    ),
  },
  { id: "number", header: "No.", numeric: true, cell: (row) => row.sequence },
];

function AuditPage() {
  const { filters, setFilters, clearFilters, active } =
    useFilters<Wanted>();
  const events = useInfiniteQuery(
    cursorList<Event>(["audit", filters], (cursor, signal) => {
      const { actor, action, subject, since, until } = filters;
      const query = {
        ...(actor === undefined ? {} : { actor }),
        ...(action === undefined ? {} : { action }),
        ...(subject === undefined ? {} : { subject }),
        ...(since === undefined ? {} : { since: beginning(since) }),
        ...(until === undefined ? {} : { until: beginning(until, 1) }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      return unwrap(api.GET("/api/v1/audit/events", { params: { query }, signal }));
    }),
  );
  const known = FAMILIES.some(({ value }) => value === filters.action);
  return (
    <>
      <PageHeader
        title="Audit"
        lead="Everything that happened on this site, each event chained to the one before it, so that none can be changed or left out unnoticed."
      />
      <AuditTabs />
      <FilterBar active={active} onClear={clearFilters}>
        <NativeSelect
          aria-label="What happened"
          value={filters.action ?? ""}
          onChange={(event) => setFilters({ action: text(event.currentTarget.value) })}
          data={[
            { value: "", label: "Anything" },
            ...FAMILIES,
            ...(known || filters.action === undefined
              ? []
              : [{ value: filters.action, label: filters.action }]),
          ]}
        />
        <PersonPicker
          label="Who did it"
          by="id"
          value={filters.actor}
          onChange={(actor) => setFilters({ actor })}
        />
        <SearchField
          label="Id of what it is about"
          value={filters.subject}
          onChange={(subject) => setFilters({ subject }, { replace: true })}
        />
        <DayField label="From" value={filters.since} onChange={(since) => setFilters({ since })} />
        <DayField label="To" value={filters.until} onChange={(until) => setFilters({ until })} />
      </FilterBar>
      <DataTable
        label="events"
        list={events}
        columns={COLUMNS}
        rowKey={(row) => String(row.sequence)}
        rowLink={(row) => ({ to: "/audit/$event", params: { event: String(row.sequence) } })}
        empty={
          <EmptyState title="Nothing like that happened">
            Take a filter away, or look at other days.
          </EmptyState>
        }
      />
    </>
  );
}

function DayField({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const id = useId();
  return (
    <div className={classes.date}>
      <label htmlFor={id}>{label}</label>
      <TextInput
        id={id}
        type="date"
        value={value ?? ""}
        onChange={(event) => onChange(day(event.currentTarget.value))}
      />
    </div>
  );
}
