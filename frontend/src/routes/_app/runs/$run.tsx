import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";

import { ApiError } from "@/api/client";
import { requestQuery, runQuery, useCancelRun } from "@/api/requests";
import { useSession } from "@/api/session";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { CopyButton } from "@/components/CopyButton";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { RunEnded } from "@/components/result/RunEnded";
import { ResultView } from "@/components/result/ResultView";
import { RunProgress } from "@/components/result/RunProgress";
import { Facts, Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { formatDuration } from "@/lib/format";
import { can } from "@/lib/roles";
import { titleOf, wordsOf } from "../requests/-words";
import { Diagnostics, useDiagnostics } from "./-Diagnostics";
import { RunBadge } from "./-RunBadge";

export const Route = createFileRoute("/_app/runs/$run")({ component: RunPage });

function RunPage() {
  const { run: id } = Route.useParams();
  const { user } = useSession();
  const diagnoses = can(user.role, "seeDiagnostics");
  const run = useQuery({
    ...runQuery(id),
    refetchInterval: ({ state }) => (state.data && !state.data.finished_at ? 1000 : false),
  });
  const diagnostics = useDiagnostics(id, diagnoses);
  // An upload's run has no public side: owners and auditors alone know of it.
  const unasked =
    run.isError && run.error instanceof ApiError && run.error.status === 404 && diagnostics.data;
  const request = useQuery({
    ...requestQuery(run.data?.request_id ?? ""),
    enabled: run.data !== undefined,
  });
  const state = run.data?.state ?? diagnostics.data?.state;
  return (
    <>
      <PageHeader
        title={
          unasked
            ? "Laying out an upload"
            : request.data
              ? titleOf({ ...request.data, in_words: wordsOf(request.data) })
              : "Run"
        }
        documentTitle="Run"
        badge={state && <RunBadge kind={unasked ? "ingest" : "query"} state={state} />}
        eyebrow={
          <>
            Run <code>{id}</code> <CopyButton value={id} label="Copy the run's id" compact />
          </>
        }
        actions={
          run.data &&
          !run.data.finished_at &&
          request.data?.requester.id === user.id && <Cancel id={id} />
        }
      />
      {run.isPending && <LoadingState what="the run" rows={6} />}
      {run.isError && !unasked && !run.data && !diagnostics.isPending && (
        <ErrorState error={run.error} onRetry={() => void run.refetch()} />
      )}
      {run.data && (
        <>
          {!run.data.finished_at && (
            <Section title="Running" sheet>
              <RunProgress run={run.data} />
            </Section>
          )}
          {run.data.answer && request.data && (
            <Section title="Result" sheet>
              <ResultView run={run.data} request={request.data} />
            </Section>
          )}
          {run.data.finished_at && !run.data.answer && (
            <Section>
              <RunEnded run={run.data} explained={diagnoses} />
            </Section>
          )}
          <Section title="On the public clock" lead="What whoever asked may see.">
            <Facts
              rows={[
                [
                  "Request",
                  <Link
                    key="request"
                    to="/requests/$request"
                    params={{ request: run.data.request_id }}
                  >
                    {request.data?.purpose.trim() ? titleOf(request.data) : run.data.request_id}
                  </Link>,
                ],
                ["Who asked", request.data?.requester.name],
                ["Dataset", request.data?.dataset],
                ["Sent", <Time key="sent" at={run.data.queued_at} absolute />],
                ["Ended", <Time key="ended" at={run.data.finished_at} none="not yet" absolute />],
                ["Shows after", formatDuration(run.data.deadline_ms)],
              ]}
            />
          </Section>
        </>
      )}
      {diagnoses && <Diagnostics query={diagnostics} who={request.data?.requester.name} />}
    </>
  );
}

function Cancel({ id }: { id: string }) {
  const [asking, setAsking] = useState(false);
  const cancel = useCancelRun();
  return (
    <>
      <Button variant="default" onClick={() => setAsking(true)}>
        Cancel the run
      </Button>
      {asking && (
        <ConfirmDialog
          title="Cancel the run"
          confirm="Cancel the run"
          danger
          onConfirm={() => cancel.mutateAsync(id)}
          onClose={() => setAsking(false)}
        >
          <p>
            You will get no answer. If a worker has taken it already, it stays charged; if not, the
            price goes back to your budget.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
