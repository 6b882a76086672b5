import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, unwrap, type Schemas } from "@/api/client";

type Run = Schemas["Run"];

const RECEIPT_TRIES = 8;

/** A run on its public clock: long polls until it has publicly ended, and its receipt is there. */
export function useRun(id: string | undefined, initial?: Run | null) {
  const client = useQueryClient();
  const query = useQuery({
    queryKey: ["run", id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/runs/{run_id}", {
          params: { path: { run_id: id ?? "" }, query: { wait: waitFor(client.getQueryData(["run", id])) } },
          signal,
        }),
      ),
    enabled: id !== undefined,
    ...(initial && initial.id === id ? { initialData: initial, initialDataUpdatedAt: 0 } : {}),
    refetchInterval: ({ state }) => {
      const run = state.data;
      if (!run?.finished_at) return 200;
      // The receipt is in the log a moment after the answer is.
      const due = run.state === "succeeded" && !run.receipt && state.dataUpdateCount < RECEIPT_TRIES;
      return due ? 400 : false;
    },
    refetchIntervalInBackground: true,
  });
  const finished = query.data?.finished_at;
  useEffect(() => {
    if (!finished) return;
    for (const key of ["requests", "request", "budgets", "home", "price"]) {
      void client.invalidateQueries({ queryKey: [key] });
    }
  }, [client, finished]);
  return query;
}

/** Seconds to hold the line: short enough that progress moves, at most ten. */
function waitFor(run: Run | undefined): number {
  if (!run) return 0;
  if (run.finished_at) return 0;
  return Math.min(10, Math.max(0.5, run.deadline_ms / 20_000));
}
