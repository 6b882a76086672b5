import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { BudgetBar } from "@/components/BudgetBar";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Section } from "@/components/Section";
import { formatEpsilon, formatShare, plural } from "@/lib/format";
import { LOW, shareLeft } from "./accounts";
import classes from "./budgets.module.css";

/** One's own budgets. `alone`: they are all that the page shows. */
export function Mine({ alone }: { alone: boolean }) {
  const budgets = useQuery({
    queryKey: ["budgets", "mine"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/budgets", { signal })),
  });
  if (budgets.isPending) return <LoadingState what="your budgets" rows={3} />;
  if (budgets.isError) {
    return <ErrorState error={budgets.error} onRetry={() => void budgets.refetch()} />;
  }
  if (budgets.data.items.length === 0) {
    if (!alone) return null;
    return (
      <EmptyState title="You have no budget yet">
        You get one with access to a dataset, which its owner gives.{" "}
        <Link to="/datasets">Look at the catalogue</Link>
      </EmptyState>
    );
  }
  return (
    <Section title="Yours">
      <ul className={classes.cards}>
        {budgets.data.items.map(({ population, population_id, datasets, mine, together_share_left }) => (
          <li key={population_id}>
            <Link
              to="/budgets/$account"
              params={{ account: mine.id }}
              className={classes.card}
              data-low={shareLeft(mine) <= LOW || undefined}
            >
              <span className={classes.cardTop}>
                <span className={classes.cardTitle}>{population}</span>
                <span className={classes.cardFigure}>{formatShare(shareLeft(mine))} left</span>
              </span>
              <BudgetBar
                compact
                spent={mine.share_spent - mine.share_reserved}
                reserved={mine.share_reserved}
                label={`Your budget at ${population}`}
              />
              <span className={classes.cardWords}>
                {plural(datasets, "dataset")} · limit epsilon {formatEpsilon(mine.limits.epsilon)} ·
                everyone together has {formatShare(together_share_left)} left
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Section>
  );
}
