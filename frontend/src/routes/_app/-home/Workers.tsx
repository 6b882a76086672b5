import { Link } from "@tanstack/react-router";

import type { components } from "@/api/schema";
import { EmptyState } from "@/components/EmptyState";
import { Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import classes from "./home.module.css";

type WorkerHealth = components["schemas"]["WorkerHealth"];

/** Whether the site's workers are there. */
export function Workers({ workers }: { workers: readonly WorkerHealth[] }) {
  return (
    <Section title="Workers" actions={<Link to="/settings">Manage</Link>}>
      {workers.length === 0 ? (
        <EmptyState title="No worker has a credential">
          Questions wait until one is there. Make a credential in the settings.
        </EmptyState>
      ) : (
        <ul className={classes.list}>
          {workers.map((worker) => (
            <li key={worker.id} className={classes.item}>
              <span>
                {worker.name} <span className="soft">({worker.queues.join(", ")})</span>
              </span>
              <span className={classes.at}>
                {worker.healthy ? (
                  <Badge label="Heard from" tone="good" icon="check" />
                ) : (
                  <>
                    <Badge label="Silent" tone="bad" icon="alert" /> since{" "}
                    <Time at={worker.last_seen_at} none="the beginning" />
                  </>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
