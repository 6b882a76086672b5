/** One dataset, for whichever page shows it: what is kept under a key has one shape. */

import { queryOptions } from "@tanstack/react-query";

import { api, unwrapTagged } from "./client";

/** With its ETag, which an edit has to name. */
export function datasetQuery(ref: string) {
  return queryOptions({
    queryKey: ["dataset", ref],
    queryFn: ({ signal }) =>
      unwrapTagged(
        api.GET("/api/v1/datasets/{dataset}", { params: { path: { dataset: ref } }, signal }),
      ),
  });
}
