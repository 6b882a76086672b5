import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { api, unwrap, type components } from "@/api/client";
import { useSession } from "@/api/session";
import { CodeBlock } from "@/components/CodeBlock";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Facts, Section } from "@/components/Section";
import { Badge, stateLabel } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { formatDuration, formatShare, plural } from "@/lib/format";
import { can } from "@/lib/roles";
import { Excuse } from "./-Excuse";
import { PrivateMark } from "./-Private";
import classes from "./-Diagnostics.module.css";

type RunDiagnostics = components["schemas"]["RunDiagnostics"];

export function useDiagnostics(id: string, enabled: boolean) {
  return useQuery({
    queryKey: ["run", id, "diagnostics"],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/runs/{run_id}/diagnostics", { params: { path: { run_id: id } }, signal }),
      ),
    enabled,
    refetchInterval: ({ state }) => (state.data && !state.data.finished_at ? 2000 : false),
  });
}

interface Props {
  query: UseQueryResult<RunDiagnostics>;
  /** Who asked. */
  who: string | undefined;
}

/** A run as it is, with private facts: for owners and auditors. */
export function Diagnostics({ query, who }: Props) {
  return (
    <Section title="As it is">
      <PrivateMark>
        Private: only owners and auditors see this. Do not pass it on; times and failures can tell
        about the data.
      </PrivateMark>
      {query.isPending && <LoadingState what="diagnostics" rows={5} />}
      {query.isError && !query.data && (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      )}
      {query.data && <Known run={query.data} who={who ?? "whoever asked"} />}
    </Section>
  );
}

function Known({ run, who }: { run: RunDiagnostics; who: string }) {
  return (
    <div className={classes.known}>
      {run.failure && (
        <div>
          <h3>Why it failed</h3>
          <CodeBlock code={run.failure} language="Failure" wrap />
        </div>
      )}
      <Facts
        rows={[
          ["State", stateLabel("run", run.state)],
          ["Worker", run.worker_id ? <code key="worker">{run.worker_id}</code> : "none yet"],
          ["Taken", <Time key="taken" at={run.claimed_at} none="not yet" absolute />],
          ["Ended in fact", <Time key="ended" at={run.finished_at} none="not yet" absolute />],
          ["Shown from", <Time key="shown" at={run.visible_at} none="not yet" absolute />],
          ["Deadline", run.deadline_ms > 0 ? formatDuration(run.deadline_ms) : "none"],
          [
            "Overran",
            run.overran ? (
              <Badge key="overran" label="Yes: took longer than predicted" tone="wait" icon="clock" />
            ) : (
              "no"
            ),
          ],
          ["Processor time", typeof run.cpu_ms === "number" ? formatDuration(run.cpu_ms) : undefined],
          ["Time in all", typeof run.wall_ms === "number" ? formatDuration(run.wall_ms) : undefined],
          ["Progress", typeof run.progress === "number" ? formatShare(run.progress) : undefined],
          ["Times taken up", String(run.epoch)],
          ["Attempts left", String(run.attempts_left)],
        ]}
      />
      {run.standing && <Standing standing={run.standing} who={who} />}
    </div>
  );
}

function Standing({ standing, who }: { standing: components["schemas"]["Standing"]; who: string }) {
  const { user } = useSession();
  return (
    <div className={classes.standing}>
      <h3>The account that paid</h3>
      <p>
        {plural(standing.failures, "failure")} and {plural(standing.overruns, "overrun")} within 30
        days.{" "}
        {standing.paused
          ? `${who} cannot ask until an owner has looked.`
          : "After three failures it pauses until an owner has looked."}
      </p>
      {standing.failures > 0 && can(user.role, "manageBudgets") && (
        <div>
          <Excuse standing={standing} who={who} />
        </div>
      )}
    </div>
  );
}
