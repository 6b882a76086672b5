import { Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import { useSession } from "@/api/session";
import { DataTable } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { FilterBar } from "@/components/FilterBar";
import { PageHeader } from "@/components/PageHeader";
import { PersonPicker } from "@/components/Pickers";
import { Section } from "@/components/Section";
import { useFilters } from "@/hooks/useFilters";
import { can } from "@/lib/roles";
import { text } from "@/lib/search";
import { ACCOUNT_COLUMNS, PERSON_COLUMNS, type Account } from "./-parts/accounts";
import { Mine } from "./-parts/Mine";

interface Filters {
  population?: string | undefined;
  /** A person's id: their budgets at every population. */
  researcher?: string | undefined;
}

export const Route = createFileRoute("/_app/budgets/")({
  validateSearch: (search: Record<string, unknown>): Filters => ({
    population: text(search["population"]),
    researcher: text(search["researcher"]),
  }),
  component: BudgetsPage,
});

function BudgetsPage() {
  const { user } = useSession();
  return (
    <>
      <PageHeader
        title="Budgets"
        lead="Each private answer takes a part of two budgets that never grow back: that of whoever asks, and that of everyone together. When one is used up, nothing more is answered from it."
      />
      <Mine alone={!can(user.role, "seeAllBudgets")} />
      {can(user.role, "seeAllBudgets") && <Everyones />}
    </>
  );
}

/** Other people's accounts, for those who may see all: one person's, or those at one population. */
function Everyones() {
  const { filters, setFilters } = useFilters<Filters>();
  const { researcher } = filters;
  const choose = (chosen: string | undefined) => setFilters({ researcher: chosen });
  const bar = (population?: ReactNode) => (
    <FilterBar active={researcher === undefined ? 0 : 1} onClear={() => choose(undefined)}>
      <PersonPicker
        label="Whose budgets"
        placeholder="Everybody’s"
        by="id"
        value={researcher}
        onChange={choose}
      />
      {population}
    </FilterBar>
  );
  if (researcher === undefined) return <OfPopulation bar={bar} />;
  return <OfPerson id={researcher} bar={bar} />;
}

/** The filters, with that of the population where it is one. */
type Bar = (population?: ReactNode) => ReactNode;

/** One person's accounts, at every population. */
function OfPerson({ id, bar }: { id: string; bar: Bar }) {
  const accounts = useInfiniteQuery(
    cursorList<Account>(["budgets", "person", id], async (cursor, signal) => {
      const params = { path: { user_id: id }, query: { cursor } };
      const page = await unwrap(api.GET("/api/v1/users/{user_id}/budgets", { params, signal }));
      return { items: page.items.map(({ mine }) => mine), next_cursor: page.next_cursor ?? null };
    }),
  );
  return (
    <Section title="All accounts">
      {bar()}
      <DataTable
        label="accounts"
        list={accounts}
        columns={PERSON_COLUMNS}
        rowKey={(account) => account.id}
        rowLink={(account) => ({ to: "/budgets/$account", params: { account: account.id } })}
        empty={
          <EmptyState title="No budgets">
            They get one with access to a dataset, which its owner gives.
          </EmptyState>
        }
      />
    </Section>
  );
}

/** The accounts at one population. */
function OfPopulation({ bar }: { bar: Bar }) {
  const { filters, setFilters } = useFilters<Filters>();
  const populations = useQuery({
    queryKey: ["populations", "names"],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/populations", { params: { query: { limit: 200 } }, signal })),
  });
  const names = populations.data?.items.map((population) => population.name) ?? [];
  const population = filters.population ?? names[0];
  const accounts = useInfiniteQuery({
    ...cursorList(["budgets", "accounts", population], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/populations/{population}/accounts", {
          params: { path: { population: population ?? "" }, query: { cursor } },
          signal,
        }),
      ),
    ),
    enabled: population !== undefined,
  });
  if (populations.data && names.length === 0) {
    return (
      <EmptyState title="No population yet">
        A population is the set of people that datasets are about; it and its budgets are made with
        the first dataset.
      </EmptyState>
    );
  }
  return (
    <Section title="All accounts">
      {bar(
        <Select
          aria-label="Population"
          data={population && !names.includes(population) ? [population, ...names] : names}
          value={population ?? null}
          onChange={(chosen) => setFilters({ population: chosen ?? undefined })}
          allowDeselect={false}
          searchable={names.length > 8}
        />,
      )}
      <DataTable
        label="accounts"
        list={accounts}
        columns={ACCOUNT_COLUMNS}
        rowKey={(account) => account.id}
        rowLink={(account) => ({ to: "/budgets/$account", params: { account: account.id } })}
        empty={
          <EmptyState title="No accounts here">
            One opens for everybody who is given access to a dataset of this population.
          </EmptyState>
        }
      />
    </Section>
  );
}
