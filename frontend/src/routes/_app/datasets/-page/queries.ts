/** What the pages about datasets ask the site. */

import { queryOptions } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";

export type Dataset = components["schemas"]["Dataset"];
export type Population = components["schemas"]["Population"];

export const populationsQuery = queryOptions({
  queryKey: ["datasets", "populations"],
  queryFn: async ({ signal }) => {
    const all: Population[] = [];
    let cursor: string | undefined;
    do {
      // oxlint-disable-next-line no-await-in-loop -- each page says where the next begins
      const page = await unwrap(
        api.GET("/api/v1/populations", { params: { query: { cursor, limit: 100 } }, signal }),
      );
      all.push(...page.items);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined && all.length < 1000);
    return all;
  },
});

export const groupsQuery = queryOptions({
  queryKey: ["groups", "all"],
  queryFn: async ({ signal }) =>
    (await unwrap(api.GET("/api/v1/groups", { params: { query: { limit: 100 } }, signal }))).items,
});

/** A change of a dataset by somebody who has seen it as it is. */
export async function updateDataset(
  ref: string,
  etag: string | null,
  body: components["schemas"]["DatasetUpdate"],
): Promise<Dataset> {
  return unwrap(
    api.PATCH("/api/v1/datasets/{dataset}", {
      params: { path: { dataset: ref }, header: etag === null ? {} : { "If-Match": etag } },
      body,
    }),
  );
}
