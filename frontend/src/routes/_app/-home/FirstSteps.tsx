import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { api, unwrap } from "@/api/client";
import type { Role } from "@/api/session";
import { Icon } from "@/components/Icon";
import { Section } from "@/components/Section";
import classes from "./home.module.css";

interface Step {
  title: string;
  words: ReactNode;
  done: boolean;
}

const NOTHING_CHOSEN = { dataset: undefined, request: undefined, tab: undefined };

/** What comes first on a site that is new, or new to somebody; gone once it is all done. */
export function FirstSteps({ role }: { role: Role }) {
  const owner = role === "owner";
  const asks = owner || role === "researcher";
  const { data } = useQuery({
    queryKey: ["home", "first-steps", role],
    enabled: asks,
    queryFn: async ({ signal }) => {
      const [datasets, requests, people] = await Promise.all([
        unwrap(api.GET("/api/v1/datasets", { params: { query: { limit: 1 } }, signal })),
        unwrap(
          api.GET("/api/v1/requests", { params: { query: { limit: 1, mine: !owner } }, signal }),
        ),
        owner
          ? unwrap(api.GET("/api/v1/users", { params: { query: { limit: 2 } }, signal }))
          : undefined,
      ]);
      return {
        datasets: datasets.items.length > 0,
        requests: requests.items.length > 0,
        people: (people?.items.length ?? 0) > 1,
      };
    },
  });
  if (!data) return null;
  const steps: Step[] = owner
    ? [
        {
          title: "Register a dataset",
          words: (
            <>
              Say what its columns may hold, whom it is about and what its budget is, then upload
              it. <Link to="/datasets/new">Register one</Link>
            </>
          ),
          done: data.datasets,
        },
        {
          title: "Invite somebody who asks",
          words: (
            <>
              A researcher never sees the data, a reviewer votes on what is asked.{" "}
              <Link to="/people">Invite people</Link>
            </>
          ),
          done: data.people,
        },
        {
          title: "See a first question",
          words: "Rules approve small ones at once; the others wait for a reviewer.",
          done: data.requests,
        },
      ]
    : [
        {
          title: "Get access to a dataset",
          words: (
            <>
              Its owner gives it. <Link to="/datasets">Look at the catalogue</Link>
            </>
          ),
          done: data.datasets,
        },
        {
          title: "Ask a first question",
          words: (
            <>
              You see what it takes of your budget, and how exact the answer will be, before you
              ask. <Link to="/ask" search={NOTHING_CHOSEN}>
                Ask one
              </Link>
            </>
          ),
          done: data.requests,
        },
      ];
  if (steps.every((step) => step.done)) return null;
  return (
    <Section title="First steps" sheet>
      <ol className={classes.steps}>
        {steps.map((step, index) => (
          <li key={step.title} className={classes.step} data-done={step.done || undefined}>
            <span className={classes.mark} aria-hidden="true">
              {step.done ? <Icon name="check" size={16} /> : index + 1}
            </span>
            <div>
              <div className={classes.stepTitle}>
                {step.title}
                {step.done && <span className="visually-hidden"> (done)</span>}
              </div>
              {!step.done && <div className={classes.stepWords}>{step.words}</div>}
            </div>
          </li>
        ))}
      </ol>
    </Section>
  );
}
