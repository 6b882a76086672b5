/** What the pages about people read. */

import { queryOptions } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";

export const siteQuery = queryOptions({
  queryKey: ["site"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/site", { signal })),
  staleTime: 5 * 60_000,
});

/** Every worker's credential; for owners. */
export const workersQuery = queryOptions({
  queryKey: ["settings", "workers"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/workers", { signal })),
});

/** All groups, for choosing among them; a site has few. */
export const groupChoicesQuery = queryOptions({
  queryKey: ["groups", "choices"],
  queryFn: async ({ signal }) => {
    const query = { limit: 200 };
    return (await unwrap(api.GET("/api/v1/groups", { params: { query }, signal }))).items;
  },
  staleTime: 30_000,
});

export function personQuery(id: string) {
  return queryOptions({
    queryKey: ["person", id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/users/{user_id}", { params: { path: { user_id: id } }, signal })),
  });
}

export function groupQuery(id: string) {
  return queryOptions({
    queryKey: ["groups", "one", id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/groups/{group}", { params: { path: { group: id } }, signal })),
  });
}
