import { Button, Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef } from "react";

import { datasetQuery } from "@/api/datasets";
import { useSession } from "@/api/session";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { Badge } from "@/components/StateBadge";
import { useFilters } from "@/hooks/useFilters";
import { can } from "@/lib/roles";
import { oneOf, text } from "@/lib/search";
import type { Role } from "@/api/session";
import classes from "./-page/Dataset.module.css";
import { Overview } from "./-page/Overview";

const TABS = ["overview", "mock", "budget", "rules", "versions", "access", "activity"] as const;
type Tab = (typeof TABS)[number];

interface Search {
  tab?: Tab | undefined;
  edit?: string | undefined;
}

const NAMES: Record<Tab, string> = {
  overview: "Overview",
  mock: "Made-up rows",
  budget: "Budget",
  rules: "Rules",
  versions: "Versions",
  access: "Access",
  activity: "Activity",
};

const MockTab = lazy(() => import("./-page/MockTab"));
const BudgetTab = lazy(() => import("./-page/BudgetTab"));
const RulesTab = lazy(() => import("./-page/RulesTab"));
const VersionsTab = lazy(() => import("./-page/VersionsTab"));
const AccessTab = lazy(() => import("./-page/AccessTab"));
const ActivityTab = lazy(() => import("./-page/ActivityTab"));

export const Route = createFileRoute("/_app/datasets/$dataset")({
  validateSearch: (search: Record<string, unknown>): Search => ({
    tab: oneOf(search["tab"], TABS),
    edit: text(search["edit"]),
  }),
  component: DatasetPage,
});

function tabsOf(role: Role): Tab[] {
  return TABS.filter((tab) => {
    if (tab === "versions") return can(role, "seeAudit");
    if (tab === "access" || tab === "activity") return can(role, "seePeople");
    return true;
  });
}

function DatasetPage() {
  const { dataset: ref } = Route.useParams();
  const { user } = useSession();
  const { filters, setFilters } = useFilters<Search>();
  const query = useQuery(datasetQuery(ref));
  const strip = useRef<HTMLDivElement>(null);
  const loaded = query.isSuccess;
  useEffect(() => {
    // On a small screen the chosen tab may be beyond the edge.
    const chosen = strip.current?.querySelector('[aria-selected="true"]');
    if (chosen && loaded) chosen.scrollIntoView({ block: "nearest", inline: "center" });
  }, [filters.tab, loaded]);
  if (query.isPending) {
    return (
      <>
        <PageHeader title="Dataset" documentTitle={ref} />
        <LoadingState what="the dataset" rows={8} />
      </>
    );
  }
  if (query.isError) {
    return (
      <>
        <PageHeader title="Dataset" />
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </>
    );
  }
  const { data: dataset, etag } = query.data;
  const tabs = tabsOf(user.role);
  const tab = filters.tab !== undefined && tabs.includes(filters.tab) ? filters.tab : "overview";
  const shared = { dataset, etag };
  return (
    <>
      <PageHeader
        eyebrow={<Link to="/datasets">Datasets</Link>}
        title={dataset.title || dataset.name}
        badge={
          dataset.version_id === null ? (
            <Badge label="No data yet" icon="clock" />
          ) : (
            <Badge label="Ready" tone="good" icon="check" />
          )
        }
        lead={
          <>
            <code>{dataset.name}</code> · about the population{" "}
            <strong>{dataset.population_name}</strong>
          </>
        }
        actions={
          can(user.role, "ask") && dataset.accessible && dataset.version_id !== null ? (
            <Button component={Link} to="/ask" search={{ dataset: dataset.name } as never}>
              Ask a question
            </Button>
          ) : null
        }
      />
      <Tabs
        value={tab}
        onChange={(value) =>
          setFilters({ tab: value === "overview" ? undefined : oneOf(value, TABS), edit: undefined })
        }
        activateTabWithKeyboard={false}
        keepMounted={false}
      >
        <Tabs.List ref={strip} className={classes.tabs} aria-label="About this dataset">
          {tabs.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {NAMES[each]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={tab} className={classes.panel}>
          <Suspense fallback={<LoadingState what={NAMES[tab].toLowerCase()} />}>
            {tab === "overview" && <Overview {...shared} />}
            {tab === "mock" && <MockTab {...shared} />}
            {tab === "budget" && <BudgetTab {...shared} />}
            {tab === "rules" && <RulesTab {...shared} />}
            {tab === "versions" && <VersionsTab {...shared} />}
            {tab === "access" && <AccessTab {...shared} />}
            {tab === "activity" && <ActivityTab {...shared} />}
          </Suspense>
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
