import { Button, Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import { useSession } from "@/api/session";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { Icon } from "@/components/Icon";
import { PageHeader } from "@/components/PageHeader";
import { SearchField } from "@/components/SearchField";
import { Badge } from "@/components/StateBadge";
import { useFilters } from "@/hooks/useFilters";
import { formatCompact, formatCount } from "@/lib/format";
import { can } from "@/lib/roles";
import { oneOf, text } from "@/lib/search";
import classes from "./-page/Catalogue.module.css";
import { populationsQuery, type Dataset } from "./-page/queries";

const READY = ["yes", "no"] as const;

interface Search {
  q?: string | undefined;
  population?: string | undefined;
  ready?: (typeof READY)[number] | undefined;
}

export const Route = createFileRoute("/_app/datasets/")({
  validateSearch: (search: Record<string, unknown>): Search => ({
    q: text(search["q"]),
    population: text(search["population"]),
    ready: oneOf(search["ready"], READY),
  }),
  component: DatasetsPage,
});

const COLUMNS: DataColumn<Dataset>[] = [
  {
    id: "name",
    header: "Dataset",
    main: true,
    cell: (row) => (
      <span className={classes.title}>
        <span className={classes.name}>{row.title || row.name}</span>
        {row.title && <code className={classes.id}>{row.name}</code>}
        {row.description && <span className={classes.about}>{row.description}</span>}
      </span>
    ),
  },
  { id: "population", header: "Population", cell: (row) => row.population_name },
  {
    id: "columns",
    header: "Columns",
    numeric: true,
    cell: (row) => formatCount(row.table.columns.length),
  },
  {
    id: "size",
    header: "Rows, roughly",
    numeric: true,
    cell: (row) => (
      <span title={`About ${formatCount(row.table.size.rows)} rows, as its owner declared`}>
        {formatCompact(row.table.size.rows)}
      </span>
    ),
  },
  { id: "state", header: "State", cell: (row) => <State dataset={row} /> },
];

function State({ dataset }: { dataset: Dataset }) {
  if (dataset.version_id === null) return <Badge label="No data yet" tone="quiet" icon="clock" />;
  if (dataset.accessible && dataset.terms !== "" && dataset.terms_accepted_at === null) {
    return <Badge label="Terms to accept" tone="wait" icon="edit" />;
  }
  return dataset.accessible ? (
    <Badge label="Open to you" tone="good" icon="check" />
  ) : (
    <Badge label="Ready" tone="info" icon="check" />
  );
}

function DatasetsPage() {
  const { user } = useSession();
  const owner = can(user.role, "manageDatasets");
  const { filters, setFilters, clearFilters, active } = useFilters<Search>();
  const populations = useQuery(populationsQuery);
  const { q, population, ready } = filters;
  const datasets = useInfiniteQuery(
    cursorList(["datasets", "list", filters], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/datasets", {
          params: {
            query: {
              q,
              population,
              cursor,
              ...(ready === undefined ? {} : { ready: ready === "yes" }),
            },
          },
          signal,
        }),
      ),
    ),
  );
  const register = owner ? (
    <Button component={Link} to="/datasets/new" leftSection={<Icon name="plus" />}>
      Register a dataset
    </Button>
  ) : null;
  return (
    <>
      <PageHeader
        title="Datasets"
        lead={
          can(user.role, "seePeople")
            ? "Everything registered on this site. What you read here is public: no private row was used to write it."
            : "The tables you may ask questions of, without seeing a row."
        }
        actions={register}
      />
      <div className={classes.filters} role="search" aria-label="Filter the datasets">
        <SearchField
          label="Search names, words and columns"
          value={q}
          onChange={(value) => setFilters({ q: value }, { replace: true })}
        />
        <Select
          aria-label="Population"
          placeholder="Every population"
          clearable
          clearButtonProps={{ "aria-label": "Every population" }}
          searchable
          value={population ?? null}
          onChange={(value) => setFilters({ population: value ?? undefined })}
          data={(populations.data ?? []).map((each) => each.name)}
          nothingFoundMessage="No population of that name"
        />
        <Select
          aria-label="State"
          placeholder="Ready or not"
          clearable
          clearButtonProps={{ "aria-label": "Ready or not" }}
          value={ready ?? null}
          onChange={(value) => setFilters({ ready: oneOf(value, READY) })}
          data={[
            { value: "yes", label: "Answers questions" },
            { value: "no", label: "No data yet" },
          ]}
        />
      </div>
      <DataTable
        label="datasets"
        list={datasets}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        rowLink={(row) => ({ to: "/datasets/$dataset", params: { dataset: row.name } })}
        empty={
          active > 0 ? (
            <EmptyState
              title="Nothing fits"
              action={
                <Button variant="default" onClick={clearFilters}>
                  Show all datasets
                </Button>
              }
            >
              No dataset has all of these words in its name, description or columns, with these
              filters.
            </EmptyState>
          ) : owner ? (
            <EmptyState title="No datasets yet">
              Register a table: you describe it in public terms, set its privacy budget, and upload
              the file. Nobody but you ever sees a row of it.
            </EmptyState>
          ) : (
            <EmptyState title="No datasets yet">
              {user.role === "researcher"
                ? "They show up here once an owner gives you access. Ask them for the data you need."
                : "They show up here once an owner registers one."}
            </EmptyState>
          )
        }
      />
    </>
  );
}
