import { Tabs } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";

import { api, unwrap } from "@/api/client";
import { datasetQuery } from "@/api/datasets";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { useDraft } from "@/hooks/useDraft";
import { useFilters } from "@/hooks/useFilters";
import { oneOf, text } from "@/lib/search";
import { AskTabs } from "../-ask/AskTabs";
import { AskForm } from "../-ask/AskForm";
import { Choose } from "../-ask/Choose";
import { DatasetPicker } from "../-ask/DatasetPicker";
import { fromTarget, type AskForm as Form } from "../-ask/form";
import { History } from "../-ask/History";
import { Outcome } from "../-ask/Outcome";
import { SavedQueries } from "../-ask/SavedQueries";

const TABS = ["questions", "saved"] as const;

interface Search {
  dataset?: string | undefined;
  /** The question whose answer is shown. */
  request?: string | undefined;
  tab?: (typeof TABS)[number] | undefined;
}

export const Route = createFileRoute("/_app/ask/")({
  validateSearch: (search: Record<string, unknown>): Search => ({
    dataset: text(search["dataset"]),
    request: text(search["request"]),
    tab: oneOf(search["tab"], TABS),
  }),
  component: AskPage,
});

function AskPage() {
  const { filters, setFilters } = useFilters<Search>();
  const client = useQueryClient();
  const last = useDraft("ask-dataset", "");
  const [load, setLoad] = useState<{ dataset: string; part: Partial<Form> } | null>(null);
  const [asked, setAsked] = useState<{ id: string; reused: boolean } | null>(null);
  const only = useOnlyDataset(filters.dataset === undefined && last.value === "");
  const name = filters.dataset ?? (last.value || only.name);
  const dataset = useDataset(name);

  const { set: remember } = last;
  useEffect(() => {
    if (filters.dataset) remember(filters.dataset);
  }, [filters.dataset, remember]);

  const pick = useCallback(
    (next: string) => setFilters({ dataset: next, request: undefined }),
    [setFilters],
  );
  const loadRequest = useCallback(
    async (id: string) => {
      const request = await client.fetchQuery({
        queryKey: ["request", id],
        queryFn: () =>
          unwrap(api.GET("/api/v1/requests/{request_id}", { params: { path: { request_id: id } } })),
      });
      setLoad({
        dataset: request.dataset,
        part: {
          sql: request.as_sql,
          purpose: request.purpose,
          bounds: request.bounds ?? null,
          saved: null,
          ...(request.target ? fromTarget(request.target) : {}),
        },
      });
      setFilters({ dataset: request.dataset });
      window.scrollTo({ top: 0 });
    },
    [client, setFilters],
  );

  const picker = <DatasetPicker key={dataset.data?.id ?? "none"} dataset={dataset.data} onPick={pick} />;
  return (
    <>
      <PageHeader
        title="Ask"
        lead="Write a question in SQL. You see what it costs and how exact its answer will be before anything is asked."
      />
      <AskTabs />
      {dataset.data ? (
        <AskForm
          key={dataset.data.id}
          dataset={dataset.data}
          picker={picker}
          load={load?.dataset === dataset.data.name ? load.part : null}
          onAsked={(request) => {
            setAsked({ id: request.id, reused: request.reused });
            setFilters({ dataset: request.dataset, request: request.id });
          }}
        />
      ) : dataset.error ? (
        <>
          {picker}
          <Section title="">
            <ErrorState error={dataset.error} onRetry={() => void dataset.refetch()} />
          </Section>
        </>
      ) : name || only.pending ? (
        <LoadingState what="the dataset" rows={5} />
      ) : (
        <Choose picker={picker} open={only.open} />
      )}
      {filters.request && (
        <Outcome
          id={filters.request}
          reused={asked?.id === filters.request && asked?.reused === true}
          fresh={asked?.id === filters.request}
        />
      )}
      <Tabs
        value={filters.tab ?? "questions"}
        onChange={(tab) => setFilters({ tab: tab === "saved" ? "saved" : undefined })}
        keepMounted={false}
      >
        <Tabs.List mb="lg">
          <Tabs.Tab value="questions">Your questions</Tabs.Tab>
          <Tabs.Tab value="saved">Saved questions</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="questions">
          <History onLoad={(id) => void loadRequest(id)} />
        </Tabs.Panel>
        <Tabs.Panel value="saved">
          <SavedQueries
            onLoad={(saved) => {
              setLoad({
                dataset: saved.dataset,
                part: { sql: saved.sql, saved: saved.id, ...fromTarget(saved.target) },
              });
              setFilters({ dataset: saved.dataset, request: undefined });
              window.scrollTo({ top: 0 });
            }}
          />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function useDataset(name: string | undefined) {
  return useQuery({
    ...datasetQuery(name ?? ""),
    select: ({ data }) => data,
    enabled: name !== undefined && name !== "",
  });
}

/** The one dataset there is to ask of, where there is one alone. */
function useOnlyDataset(wanted: boolean) {
  const found = useQuery({
    queryKey: ["datasets", "to-ask", ""],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/datasets", { params: { query: { ready: true, limit: 30 } }, signal })),
    enabled: wanted,
  });
  const open = found.data?.items.filter(({ accessible }) => accessible);
  return {
    name: open?.length === 1 ? open[0]?.name : undefined,
    open: open ?? [],
    pending: wanted && found.isPending,
  };
}
