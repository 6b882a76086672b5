import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { CodeBlock } from "@/components/CodeBlock";
import { ErrorState } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { Facts, Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { actionWords } from "./-actions";
import { Actor } from "./-Actor";
import classes from "./-audit.module.css";
import { LinkedSubject } from "./-Subject";

export const Route = createFileRoute("/_app/audit/$event")({ component: EventPage });

function EventPage() {
  const { event: written } = Route.useParams();
  const sequence = Number(written);
  const event = useQuery({
    queryKey: ["audit", "event", sequence],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/audit/events/{sequence}", { params: { path: { sequence } }, signal }),
      ),
    staleTime: Infinity,
  });
  const back = <Link to="/audit">Audit</Link>;
  if (!event.data) {
    return (
      <>
        <PageHeader title={`Event ${written}`} eyebrow={back} />
        {event.isError ? (
          <ErrorState error={event.error} onRetry={() => void event.refetch()} />
        ) : (
          <LoadingState what="the event" />
        )}
      </>
    );
  }
  const { action, at, detail, previous_hash, hash } = event.data;
  return (
    <>
      <PageHeader
        title={actionWords(action)}
        eyebrow={
          <>
            {back} · event {sequence}
          </>
        }
      />
      <Section title="What happened">
        <Facts
          rows={[
            ["When", <Time key="when" at={at} absolute />],
            ["Who", <Actor key="who" event={event.data} link />],
            ["Action", <code key="action">{action}</code>],
            ["About", <LinkedSubject key="about" event={event.data} />],
          ]}
        />
      </Section>
      <Section
        title="Details"
        lead="As the log holds them. They may tell of private data: only owners and auditors read them."
        actions={<Badge label="Private" tone="quiet" icon="lock" />}
      >
        <CodeBlock language="JSON" code={JSON.stringify(detail, null, 2)} wrap />
      </Section>
      <Section
        title="Its place in the chain"
        lead="Each event’s hash covers all of it and the hash before it: a change anywhere shows in every later one."
      >
        <Facts
          rows={[
            ["Hash before it", <code key="p" className={classes.hash}>{previous_hash || "none: the first"}</code>],
            ["Its hash", <code key="h" className={classes.hash}>{hash}</code>],
          ]}
        />
      </Section>
      <nav aria-label="Neighbouring events" className={classes.turn}>
        {sequence > 1 ? (
          <Button
            variant="default"
            leftSection={<Icon name="left" />}
            renderRoot={(props) => (
              <Link to="/audit/$event" params={{ event: String(sequence - 1) }} {...props} />
            )}
          >
            Event {sequence - 1}
          </Button>
        ) : (
          <span />
        )}
        <Button
          variant="default"
          rightSection={<Icon name="right" />}
          renderRoot={(props) => (
            <Link to="/audit/$event" params={{ event: String(sequence + 1) }} {...props} />
          )}
        >
          Event {sequence + 1}
        </Button>
      </nav>
    </>
  );
}
