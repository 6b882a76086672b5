import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PersonName } from "@/components/PersonName";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { activityWords } from "./activityWords";
import classes from "./Dataset.module.css";
import type { TabProps } from "./Overview";

/** What happened here, newest first, out of the audit log. */
export default function ActivityTab({ dataset }: TabProps) {
  const activity = useInfiniteQuery(
    cursorList(["dataset", dataset.name, "activity"], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/datasets/{dataset}/activity", {
          params: { path: { dataset: dataset.name }, query: { cursor } },
          signal,
        }),
      ),
    ),
  );
  const events = activity.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Section title="What happened here" lead="From the audit log, newest first.">
      {activity.isPending ? (
        <LoadingState what="activity" rows={8} />
      ) : activity.isError ? (
        <ErrorState error={activity.error} onRetry={() => void activity.refetch()} />
      ) : events.length === 0 ? (
        <EmptyState title="Nothing yet" />
      ) : (
        <ol className={classes.events}>
          {events.map((event) => (
            <li key={`${event.at}${event.action}${event.subject}`} className={classes.event}>
              <span className="soft">
                <Time at={event.at} />
              </span>
              <p>
                {event.actor ? <PersonName person={event.actor} /> : <span>The site</span>}:{" "}
                {event.subject.startsWith("req_") ? (
                  <Link to="/requests/$request" params={{ request: event.subject }}>
                    {activityWords(event)}
                  </Link>
                ) : (
                  activityWords(event)
                )}
              </p>
            </li>
          ))}
        </ol>
      )}
      {activity.hasNextPage && (
        <Button
          mt="md"
          variant="default"
          loading={activity.isFetchingNextPage}
          onClick={() => void activity.fetchNextPage()}
        >
          Show earlier events
        </Button>
      )}
    </Section>
  );
}
