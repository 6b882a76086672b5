import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import { ErrorNote } from "@/components/ErrorState";
import { formatCompact, formatCount, formatEpsilon } from "@/lib/format";
import type { BudgetLimits } from "./budget";
import classes from "./Fields.module.css";

const EXAMPLE = 0.1;

interface Props {
  limits: BudgetLimits | null;
  units: number | null;
  /** Whose budget it is: "each researcher". */
  whose: string;
}

/** What a budget would buy, before it is set. */
export function BudgetBuys({ limits, units, whose }: Props) {
  const wanted = limits !== null && units !== null ? { limits, units } : null;
  const [asked] = useDebouncedValue(wanted, 300);
  const preview = useQuery({
    queryKey: ["budgets", "preview", asked],
    enabled: asked !== null,
    staleTime: Infinity,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      if (asked === null) throw new Error("nothing to preview");
      return unwrap(
        api.POST("/api/v1/budgets/preview", {
          body: { ...asked, example: { kind: "epsilon", epsilon: EXAMPLE } },
          signal,
        }),
      );
    },
  });
  if (wanted === null) {
    return (
      <p className="soft">
        Say roughly how many units there are, and this shows what the budget buys {whose}.
      </p>
    );
  }
  if (preview.isError) return <ErrorNote error={preview.error} />;
  const bought = preview.data;
  return (
    <div role="status" aria-label={`What it buys ${whose}`} aria-busy={preview.isFetching}>
      <dl className={classes.buys}>
        <Buy
          count={bought?.counts_within_one_percent}
          words={`counts of all ${formatCount(wanted.units)} units, each right to ±\u00a01\u00a0%`}
        />
        <Buy
          count={bought?.means_within}
          words="means of a number between 0 and 1, each right to ±\u00a00.01"
        />
        <Buy
          count={bought?.example_queries}
          words={`rougher counts, asked with ε = ${formatEpsilon(EXAMPLE)}`}
        />
      </dl>
    </div>
  );
}

function Buy({ count, words }: { count: number | undefined; words: string }) {
  return (
    <div className={classes.buy}>
      <dt>{words}</dt>
      <dd title={count === undefined ? undefined : formatCount(count)}>
        {count === undefined ? "…" : count >= 100_000 ? formatCompact(count) : formatCount(count)}
      </dd>
    </div>
  );
}
