import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { resultQuery } from "@/api/code";
import type { CodeRequest, Run } from "@/api/requests";
import { useSession } from "@/api/session";
import { SiteItem } from "@/components/code/Items";
import { CopyButton } from "@/components/CopyButton";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { RunEnded } from "@/components/result/RunEnded";
import { RunProgress } from "@/components/result/RunProgress";
import { Section } from "@/components/Section";
import { StateBadge } from "@/components/StateBadge";
import { codeResultAsPython } from "@/lib/python";
import { can } from "@/lib/roles";
import classes from "./code.module.css";

/** What became of the program: running, under review, released or withheld. */
export function CodeOutcome({ request }: { request: CodeRequest }) {
  const { run } = request;
  if (!run) return null;
  if (!run.finished_at) {
    return (
      <Section title="Running" sheet>
        <RunProgress run={run} code />
      </Section>
    );
  }
  if (run.state !== "succeeded") {
    return (
      <div className={classes.note}>
        <RunEnded run={run} code />
      </div>
    );
  }
  return <Returned request={request} run={run} />;
}

function Returned({ request, run }: { request: CodeRequest; run: Run }) {
  const { user } = useSession();
  const mine = request.requester.id === user.id;
  const state = run.output ?? "held";
  const decides = !mine && can(user.role, "review");
  return (
    <Section
      title="What it returned"
      sheet
      actions={
        <>
          <StateBadge of="output" state={state} />
          {decides && (
            <Button
              variant="default"
              size="compact-md"
              renderRoot={(props) => <Link to="/outputs/$run" params={{ run: run.id }} {...props} />}
            >
              {state === "held" ? "Look at it and decide" : "See all of it"}
            </Button>
          )}
        </>
      }
    >
      {state === "held" ? (
        <Note tone="wait">
          <strong>Under review.</strong> The program has run, and people look at what it returned.{" "}
          {mine
            ? "You see here what they release, or why they withhold it. Until then every run looks like this, however it went."
            : "Whoever asked sees nothing of it before they decide."}
        </Note>
      ) : (
        <Decided request={request} run={run} mine={mine} />
      )}
    </Section>
  );
}

function Decided({ request, run, mine }: { request: CodeRequest; run: Run; mine: boolean }) {
  const result = useQuery(resultQuery(run.id));
  if (result.isError && !result.data) {
    return <ErrorState error={result.error} onRetry={() => void result.refetch()} />;
  }
  if (!result.data) return <LoadingState what="what was released" rows={4} />;
  const { state, reason } = result.data;
  const items = result.data.items ?? [];
  if (state === "withheld") {
    return (
      <Note tone="bad">
        <strong>Withheld.</strong> {reason || "No reason was given."}
        {mine && " You can change the program and ask again."}
      </Note>
    );
  }
  return (
    <div className={classes.files}>
      {reason && (
        <Note tone="info">
          <strong>The reviewers say:</strong> {reason}
        </Note>
      )}
      {items.map((item) => (
        <SiteItem key={item.name} side="runs" runId={run.id} item={item} />
      ))}
      {items.length === 0 && <p className="soft">It was released, and it is empty.</p>}
      <p className="soft">
        People read this and let it go. Unlike an answer with noise it carries no formal bound, and
        the budget's statement counts it among the reviewed outputs.
      </p>
      <div className={classes.actions}>
        <CopyButton value={codeResultAsPython(request.id, location.origin)} label="Copy as Python" />
      </div>
    </div>
  );
}
