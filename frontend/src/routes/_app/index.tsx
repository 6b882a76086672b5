import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { useSession } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { ROLE_DUTIES, ROLE_NAMES } from "@/lib/roles";
import { Counts } from "./-home/Counts";
import { FirstSteps } from "./-home/FirstSteps";
import { LowBudgets } from "./-home/LowBudgets";
import { WorkList } from "./-home/WorkList";
import { Workers } from "./-home/Workers";
import classes from "./-home/home.module.css";

export const Route = createFileRoute("/_app/")({ component: HomePage });

function HomePage() {
  const { user } = useSession();
  const home = useQuery({
    queryKey: ["home"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/home", { signal })),
    refetchInterval: 60_000,
  });
  return (
    <>
      <PageHeader
        title="Home"
        eyebrow={user.name}
        lead={`${ROLE_NAMES[user.role]}: ${ROLE_DUTIES[user.role]}.`}
      />
      {home.isPending && <LoadingState what="your home page" rows={6} />}
      {home.isError && <ErrorState error={home.error} onRetry={() => void home.refetch()} />}
      {home.data && (
        <>
          <Counts counts={home.data.counts} role={user.role} />
          <FirstSteps role={user.role} />
          <div className={classes.columns}>
            <div>
              <Section title="Waiting for you">
                <WorkList
                  items={home.data.waiting}
                  empty={
                    <EmptyState title="Nothing waits for you">
                      What needs you shows up here, longest waiting first.
                    </EmptyState>
                  }
                />
              </Section>
              {home.data.budgets_low.length > 0 && <LowBudgets budgets={home.data.budgets_low} />}
            </div>
            <div>
              <Section title="What changed">
                <WorkList
                  items={home.data.changed}
                  empty={
                    <EmptyState title="No news yet">
                      Votes, answers to reviewed questions and new access show up here.
                    </EmptyState>
                  }
                />
              </Section>
              {user.role === "owner" && <Workers workers={home.data.workers} />}
            </div>
          </div>
        </>
      )}
    </>
  );
}
