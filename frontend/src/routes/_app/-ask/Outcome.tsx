import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, type ReactNode } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { RunEnded } from "@/components/result/RunEnded";
import { ResultView } from "@/components/result/ResultView";
import { RunProgress } from "@/components/result/RunProgress";
import { Section } from "@/components/Section";
import { StateBadge } from "@/components/StateBadge";
import { useRun } from "@/hooks/useRun";
import { useSubmit } from "@/hooks/useSubmit";
import { plural } from "@/lib/format";
import classes from "./Ask.module.css";

type Request = Schemas["Request"];
type Run = Schemas["Run"];

interface Props {
  id: string;
  reused: boolean;
  /** Whether it was asked just now: then it comes into view. */
  fresh: boolean;
}

/** What became of a question: waiting for people, running, answered or not. */
export function Outcome({ id, reused, fresh }: Props) {
  const asked = useQuery({
    queryKey: ["request", id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/requests/{request_id}", { params: { path: { request_id: id } }, signal }),
      ),
  });
  const request = asked.data;
  const run = useRun(request?.run?.id, request?.run);
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!fresh) return;
    frame.current?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    frame.current?.focus({ preventScroll: true });
  }, [fresh, id]);

  const now = run.data ?? request?.run ?? null;
  return (
    <div ref={frame} tabIndex={-1} className={classes.outcome}>
      <Section
        title="Answer"
        {...(request?.price ? { lead: request.price.in_words } : {})}
        actions={
          <>
            {request && (
              <StateBadge of={now ? "run" : "request"} state={now ? now.state : request.state} />
            )}
            <Button
              component={Link}
              to="/requests/$request"
              params={{ request: id } as never}
              variant="default"
              size="compact-md"
            >
              Open the request
            </Button>
          </>
        }
      >
        <span className="visually-hidden" role="status">
          {request ? announcement(request, now) : ""}
        </span>
        {asked.isPending && <LoadingState what="the answer" rows={3} />}
        {asked.error && <ErrorState error={asked.error} onRetry={() => void asked.refetch()} />}
        {request && <Body request={request} run={now} reused={reused} />}
        {run.error && <ErrorNote error={run.error} />}
      </Section>
    </div>
  );
}

function Body({ request, run, reused }: { request: Request; run: Run | null; reused: boolean }) {
  if (run) {
    if (run.answer) return <ResultView request={request} run={run} reused={reused} />;
    return run.finished_at ? <RunEnded run={run} /> : <Running run={run} />;
  }
  switch (request.state) {
    case "submitted":
      return <Waiting request={request} />;
    case "over_budget":
      return (
        <Again
          request={request}
          words="It was approved, and your budget cannot pay for it now. Once there is more, go on from here."
        />
      );
    case "changes_requested":
      return (
        <Note tone="wait">
          A reviewer asks for changes: their reason is with the request, where you can edit it.
        </Note>
      );
    case "rejected":
      return <Note tone="bad">This was rejected; the reason is with the request.</Note>;
    case "withdrawn":
      return <Note>You withdrew this question. Nothing was charged.</Note>;
    case "expired":
      return <Note>Nobody decided in time. Nothing was charged; ask again if you still need it.</Note>;
    default:
      return null;
  }
}

function Running({ run }: { run: Run }) {
  const client = useQueryClient();
  const { submit, busy, error } = useSubmit(async () => {
    const ended = await unwrap(
      api.POST("/api/v1/runs/{run_id}/cancel", { params: { path: { run_id: run.id } } }),
    );
    client.setQueryData(["run", run.id], ended);
  });
  return (
    <div className={classes.running}>
      <RunProgress run={run} />
      {error && <ErrorNote error={error} />}
      <Button variant="default" size="compact-md" loading={busy} onClick={() => void submit()}>
        Cancel
      </Button>
    </div>
  );
}

function Waiting({ request }: { request: Request }) {
  const groups = request.groups_needed;
  return (
    <WithAction
      tone="wait"
      does="Withdraw"
      act={() =>
        unwrap(
          api.POST("/api/v1/requests/{request_id}/withdraw", {
            params: { path: { request_id: request.id } },
          }),
        )
      }
      id={request.id}
    >
      <strong>People decide about this first.</strong> It takes{" "}
      {plural(request.votes_needed, "approval")}
      {groups.length > 0 && `, one of them from each of ${groups.join(", ")}`}. You are told when they
      have decided, and the answer shows here. Nothing is charged before.
    </WithAction>
  );
}

function Again({ request, words }: { request: Request; words: string }) {
  return (
    <WithAction
      tone="bad"
      does="Try to pay again"
      act={() =>
        unwrap(
          api.POST("/api/v1/requests/{request_id}/queue", {
            params: { path: { request_id: request.id } },
          }),
        )
      }
      id={request.id}
    >
      {words}
    </WithAction>
  );
}

function WithAction({
  tone,
  does,
  act,
  id,
  children,
}: {
  tone: "wait" | "bad";
  does: string;
  act: () => Promise<Request>;
  id: string;
  children: ReactNode;
}) {
  const client = useQueryClient();
  const { submit, busy, error } = useSubmit(async () => {
    client.setQueryData(["request", id], await act());
    for (const key of ["requests", "budgets", "home"]) {
      void client.invalidateQueries({ queryKey: [key] });
    }
  });
  return (
    <div className={classes.running}>
      <Note tone={tone}>{children}</Note>
      {error && <ErrorNote error={error} />}
      <Button variant="default" size="compact-md" loading={busy} onClick={() => void submit()}>
        {does}
      </Button>
    </div>
  );
}

function announcement(request: Request, run: Run | null): string {
  if (run?.answer) return "The answer is there.";
  if (run?.finished_at) return "The run has ended without an answer.";
  if (run) return "The question is running.";
  return request.state === "submitted" ? "The question waits for people." : "";
}
