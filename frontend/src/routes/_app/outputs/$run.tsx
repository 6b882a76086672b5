import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";

import { outputQuery, type HeldOutput } from "@/api/code";
import { useSession } from "@/api/session";
import { EndingBadge, RunReportView } from "@/components/code/RunReportView";
import { CopyButton } from "@/components/CopyButton";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { StateBadge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useDraft } from "@/hooks/useDraft";
import { can } from "@/lib/roles";
import { PrivateMark } from "../runs/-Private";
import { DecisionPart } from "./-parts/Decision";
import { FindingsOf } from "./-parts/Findings";
import { HeldItem } from "./-parts/HeldItem";
import { EMPTY, type DecisionForm } from "./-parts/form";
import classes from "./-parts/outputs.module.css";

export const Route = createFileRoute("/_app/outputs/$run")({ component: OutputPage });

function OutputPage() {
  const { run: id } = Route.useParams();
  const { user } = useSession();
  const reviews = can(user.role, "review");
  const output = useQuery({ ...outputQuery(id), enabled: reviews });
  if (!reviews) {
    return (
      <>
        <PageHeader title="Output" />
        <EmptyState title="Reviewers and owners see what code returned">
          What they let go is on the request's page.
        </EmptyState>
      </>
    );
  }
  if (!output.data) {
    return (
      <>
        <PageHeader title="Output" />
        {output.isPending ? (
          <LoadingState what="the output" rows={9} />
        ) : (
          <ErrorState error={output.error} onRetry={() => void output.refetch()} />
        )}
      </>
    );
  }
  // Another output, or another content of this one, is another page: no choice may slip over.
  return <Held key={`${id}:${output.data.digest}`} output={output.data} />;
}

function Held({ output }: { output: HeldOutput }) {
  const draft = useDraft<DecisionForm>(`output:${output.run_id}:${output.digest}`, EMPTY);
  const whole = output.findings.filter(({ item }) => item === "");
  const [early] = useState(
    () => output.public_at !== null && Date.parse(output.public_at) > Date.now(),
  );
  return (
    <>
      <PageHeader
        title={`What ${output.title} returned`}
        documentTitle="Output"
        badge={<StateBadge of="output" state={output.state} />}
        eyebrow={
          <span className={classes.eyebrow}>
            Run <code>{output.run_id}</code>
            <CopyButton value={output.run_id} label="Copy the run's id" compact />
          </span>
        }
        lead={
          <>
            {output.requester.name}'s code on{" "}
            <Link to="/datasets/$dataset" params={{ dataset: output.dataset }}>
              {output.dataset}
            </Link>{" "}
            ended <Time at={output.recorded_at} />.{" "}
            <Link to="/requests/$request" params={{ request: output.request_id }}>
              See the program and its conversation
            </Link>
            .
          </>
        }
      />
      <PrivateMark>
        Private: only owners and reviewers see this page, and the log keeps each look at it. Whoever
        asked sees what you let go, and your reason.
      </PrivateMark>
      {early && (
        <div className={classes.note}>
          <Note tone="info">
            To whoever asked it still runs, until <Time at={output.public_at} absolute />. What is
            decided before takes effect then.
          </Note>
        </div>
      )}
      {output.reason && output.state !== "held" && (
        <div className={classes.note}>
          <Note tone={output.state === "withheld" ? "bad" : "info"}>
            <strong>What whoever asked was told:</strong> {output.reason}
          </Note>
        </div>
      )}
      <Section
        title="What it returned"
        lead={
          output.items.length === 0
            ? undefined
            : "With what the checks found beside it. Checks advise; you decide."
        }
      >
        {whole.length > 0 && (
          <div className={classes.note}>
            <FindingsOf findings={whole} label="Of the output as a whole" />
          </div>
        )}
        {output.items.length === 0 ? (
          <Note tone="quiet">
            It returned nothing that could leave. Say to whoever asked what they may know of why.
          </Note>
        ) : (
          <div className={classes.items}>
            {output.items.map((held) => (
              <HeldItem
                key={held.item.name}
                runId={output.run_id}
                held={held}
                findings={output.findings.filter(({ item }) => item === held.item.name)}
                choice={output.state === "held" ? draft.value.items[held.item.name] : undefined}
              />
            ))}
          </div>
        )}
      </Section>
      {output.report && (
        <Section
          title="How it ran"
          sheet
          actions={<EndingBadge ending={output.report.ending} />}
        >
          <PrivateMark>
            Private, and not released with the items: what it printed, its time and its memory can
            tell about the data.
          </PrivateMark>
          <RunReportView report={output.report} />
        </Section>
      )}
      <DecisionPart output={output} draft={draft} />
    </>
  );
}
