import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { ApiError } from "@/api/client";
import { asApiError } from "@/api/problem";
import { priceOf } from "@/api/requests";
import { questionOf, type AskForm, type Dataset, type Price } from "./form";

export interface Priced {
  price: Price | undefined;
  error: ApiError | null;
  /** Whether what is shown is about an earlier text. */
  stale: boolean;
  /** Whether there is nothing to price. */
  empty: boolean;
}

type Said = { price: Price; error?: undefined } | { price?: undefined; error: ApiError };

const WAIT_MS = 350;

/** The price of the question that is being typed. */
export function usePrice(dataset: Dataset, form: AskForm): Priced {
  const empty = form.sql.trim() === "" || dataset.version_id === null;
  return useLivePrice(empty ? null : questionOf(dataset, form), dataset.revision, priceOf);
}

/**
 * The price of what is being typed, a moment after the last key; null while there is nothing to
 * price. A later one cancels the earlier one's request. `revision`: of the dataset.
 */
export function useLivePrice<Asked>(
  asked: Asked | null,
  revision: number,
  ask: (asked: Asked, signal: AbortSignal) => Promise<Price>,
): Priced {
  const now = JSON.stringify(asked);
  const [settled] = useDebouncedValue(now, WAIT_MS);
  const empty = asked === null;
  const query = useQuery({
    queryKey: ["price", revision, settled],
    queryFn: async ({ signal }): Promise<Said> => {
      try {
        return { price: await ask(JSON.parse(settled) as Asked, signal) };
      } catch (error) {
        // A refusal is an answer: it stays in place until the next one, as a price does.
        if (error instanceof ApiError && error.status >= 400 && error.status < 500) return { error };
        throw error;
      }
    },
    enabled: !empty && settled === now,
    placeholderData: keepPreviousData,
    staleTime: 15_000,
    gcTime: 60_000,
    refetchOnWindowFocus: false,
    retry: false,
  });
  const thrown = query.isError ? asApiError(query.error) : null;
  return {
    price: empty || thrown ? undefined : query.data?.price,
    error: empty ? null : (thrown ?? query.data?.error ?? null),
    stale: !empty && (settled !== now || query.isFetching),
    empty,
  };
}
