/** How queries behave: what is tried again, and lists that grow by cursor. */

import { QueryClient, type QueryKey } from "@tanstack/react-query";

import { ApiError } from "./problem";

/** No answer, or the site is busy: worth asking again. Anything else is an answer. */
function worthRetrying(count: number, error: Error): boolean {
  if (!(error instanceof ApiError)) return false;
  return count < 2 && (error.status === 0 || error.status >= 502) && error.code !== "console";
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: worthRetrying,
        staleTime: 10_000,
        refetchOnWindowFocus: true,
        // A browser's own idea of being offline is wrong for a site on this machine.
        networkMode: "always",
      },
      mutations: { retry: false, networkMode: "always" },
    },
  });
}

export interface CursorPage<T> {
  items: readonly T[];
  next_cursor?: string | null;
}

/** Options of `useInfiniteQuery` for a list of the API; `DataTable` and `useRows` take the result. */
export function cursorList<T>(
  queryKey: QueryKey,
  fetchPage: (cursor: string | undefined, signal: AbortSignal) => Promise<CursorPage<T>>,
) {
  return {
    queryKey,
    queryFn: ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) =>
      fetchPage(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: CursorPage<T>) => last.next_cursor ?? undefined,
  };
}
