import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api, ApiError, unwrap } from "@/api/client";
import { asApiError } from "@/api/problem";
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

/** The price of what is being typed. A later question cancels the earlier one's request. */
export function usePrice(dataset: Dataset, form: AskForm): Priced {
  const question = questionOf(dataset, form);
  const now = JSON.stringify(question);
  const [settled] = useDebouncedValue(now, WAIT_MS);
  const empty = form.sql.trim() === "" || dataset.version_id === null;
  const query = useQuery({
    queryKey: ["price", dataset.revision, settled],
    queryFn: async ({ signal }): Promise<Said> => {
      const body = JSON.parse(settled) as typeof question;
      try {
        return { price: await unwrap(api.POST("/api/v1/prices", { body, signal })) };
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
