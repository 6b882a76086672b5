import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { api, unwrap } from "@/api/client";
import { BudgetBar } from "@/components/BudgetBar";
import { ErrorNote } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { Note } from "@/components/Note";
import { formatError } from "@/lib/answer";
import { formatDuration, formatEpsilon, formatShare, plural } from "@/lib/format";
import { targetWords, type Dataset, type Price, type Target } from "./form";
import type { Priced } from "./usePrice";
import classes from "./Ask.module.css";

interface Props {
  dataset: Dataset;
  priced: Priced;
  onUse: (target: Target) => void;
  /** The button that asks, and what goes wrong with it. */
  children: ReactNode;
}

/** What the question costs and brings, while it is being written. */
export function PricePanel({ dataset, priced, onUse, children }: Props) {
  const { price, error, empty, stale } = priced;
  const budget = useQuery({
    queryKey: ["budgets", "dataset", dataset.id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/datasets/{dataset}/budget", {
          params: { path: { dataset: dataset.id } },
          signal,
        }),
      ),
    retry: false,
  });
  const account = budget.data?.mine;
  const free = typeof price?.asked_before === "string";
  // A question that cannot be read has its errors beside the editor.
  const elsewhere = error?.problem.errors.some((entry) => entry.line !== undefined) ?? false;
  return (
    <section className={classes.panel} aria-label="Price">
      <h2 className={classes.panelTitle}>
        What it costs
        <span className={classes.busy} role="status">
          {stale ? "Working it out …" : ""}
        </span>
      </h2>
      {account && (
        <BudgetBar
          spent={Math.max(0, account.share_spent - account.share_reserved)}
          reserved={account.share_reserved}
          price={free ? 0 : (price?.share ?? 0)}
          label={`Your budget at ${dataset.population_name || dataset.population}`}
        />
      )}
      {budget.error && <ErrorNote error={budget.error} />}
      {empty && (
        <p className="soft">
          Write a question, or begin with an example: its price and expected error show here before
          anything is asked.
        </p>
      )}
      {error && !elsewhere && <ErrorNote error={error} />}
      {elsewhere && <p className="soft">The question cannot be read yet: see below the editor.</p>}
      {price && (
        <div className={classes.priced} data-stale={stale || undefined}>
          {free ? <Free request={price.asked_before ?? ""} /> : <Cost price={price} />}
          <Errors price={price} />
          <Conditions price={price} free={free} />
          {!price.affordable && !free && <Over price={price} dataset={dataset} onUse={onUse} />}
          <details className={classes.plain}>
            <summary>The question in words</summary>
            <p>{price.in_words}</p>
          </details>
        </div>
      )}
      {children}
    </section>
  );
}

function Cost({ price }: { price: Price }) {
  const of =
    price.epsilon === null
      ? `ρ = ${formatEpsilon(price.rho ?? 0)}`
      : `ε = ${formatEpsilon(price.epsilon)}`;
  return (
    <p className={classes.cost}>
      <strong>{formatShare(price.share)}</strong> of your budget
      <span className="soft"> ({of})</span>
    </p>
  );
}

function Free({ request }: { request: string }) {
  return (
    <>
      <p className={classes.cost}>
        <strong>Nothing</strong>
      </p>
      <Note tone="good">
        You asked exactly this before. Asking again gives{" "}
        <Link to="/ask" search={((before: object) => ({ ...before, request })) as never}>
          the same answer
        </Link>{" "}
        and is not charged.
      </Note>
    </>
  );
}

function Errors({ price }: { price: Price }) {
  return (
    <ul className={classes.errors} aria-label="Expected error">
      {price.expected_errors.map(({ measure, plus_minus, confidence, expected, ranks }) => (
        <li key={measure}>
          <code>{measure}</code>
          <span className={classes.within}>± {ranks ? `${plus_minus} of ${ranks} ranks` : formatError(plus_minus)}</span>
          <span className={classes.hint}>
            {expected
              ? `expected, for as many rows as the owner declared, at ${formatShare(confidence)}`
              : `or nearer, ${formatShare(confidence)} of the time`}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Conditions({ price, free }: { price: Price; free: boolean }) {
  const automatic = price.approval === "automatic";
  return (
    <ul className={classes.conditions}>
      {!free && (
        <li>
          <Icon name={automatic ? "check" : "people"} />
          {automatic
            ? "Approved at once by the dataset's rules"
            : "People read it first and decide; you are told when they have"}
        </li>
      )}
      <li>
        <Icon name="clock" />
        {free
          ? "The answer is there already"
          : `The answer comes ${formatDuration(price.deadline_ms)} after ${
              automatic ? "a worker takes it" : "it is approved and taken"
            }, whatever the data hold`}
      </li>
      <li>
        <Icon name="table" />
        {price.groups === 1
          ? "The answer is one row"
          : `${plural(price.groups, "row")}, one for each public value, whether or not any data have it`}
      </li>
    </ul>
  );
}

function Over({
  price,
  dataset,
  onUse,
}: {
  price: Price;
  dataset: Dataset;
  onUse: (target: Target) => void;
}) {
  const fits = price.fits;
  return (
    <Note tone="bad">
      <div className={classes.over}>
        <p>
          <strong>This is more than is left.</strong>{" "}
          {fits
            ? `What is left pays for this question with ${targetWords(fits)}.`
            : "Nothing is left that would pay for this question, however inexact its answer."}
        </p>
        {fits && (
          <Button variant="default" size="compact-md" onClick={() => onUse(fits)}>
            Use {targetWords(fits)}
          </Button>
        )}
        <p>
          The owner of {dataset.title || dataset.name} can raise your budget.{" "}
          <Link to="/budgets">See your budgets</Link>
        </p>
      </div>
    </Note>
  );
}
