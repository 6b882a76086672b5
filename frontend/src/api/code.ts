/** Reviewed code: environments, runs on made-up rows, what reviewers see, and what was returned. */

import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";

import { api, randomId, rawFetch, unwrap, type components } from "./client";
import { asApiError } from "./problem";
import { given, useNewer, type RequestFull } from "./requests";

export type Environment = components["schemas"]["Environment"];
export type RunLimits = components["schemas"]["RunLimits"];
export type MockRun = components["schemas"]["MockRun"];
export type MockRunCreate = components["schemas"]["MockRunCreate"];
export type CodeReview = components["schemas"]["Review"];
export type CodeFinding = components["schemas"]["CodeFinding"];
export type LineComment = components["schemas"]["LineComment"];
export type ApprovedBefore = components["schemas"]["ApprovedBefore"];
export type SourceFile = components["schemas"]["SourceFile"];
export type CodeRequestCreate = components["schemas"]["CodeRequestCreate"];
export type CodeRequestEdit = components["schemas"]["CodeRequestEdit"];
export type Reach = components["schemas"]["Reach"];
export type OutputItem = components["schemas"]["OutputItem"];
export type RunReport = components["schemas"]["RunReport"];
export type HeldOutput = components["schemas"]["HeldOutput"];
export type HeldSummary = components["schemas"]["HeldSummary"];
export type Finding = components["schemas"]["Finding"];
export type ReleaseDecision = components["schemas"]["ReleaseDecision"];
export type Transform = components["schemas"]["Transform"];
export type TransformPreview = components["schemas"]["TransformPreview"];
export type CodeResult = components["schemas"]["CodeResult"];
export type Level = Finding["level"];

export const environmentsQuery = queryOptions({
  queryKey: ["environments"],
  queryFn: ({ signal }) => given<Environment[]>(api.GET("/api/v1/environments", { signal })),
});

export function codeReviewQuery(id: string) {
  return queryOptions({
    queryKey: ["request", id, "code_review"],
    queryFn: ({ signal }) =>
      given<CodeReview>(
        api.GET("/api/v1/requests/{request_id}/code_review", {
          params: { path: { request_id: id } },
          signal,
        }),
      ),
  });
}

export function useLineComment(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (said: { contentHash: string; path: string; line: number; text: string }) =>
      unwrap(
        api.POST("/api/v1/requests/{request_id}/line_comments", {
          params: { path: { request_id: id } },
          body: {
            content_hash: said.contentHash,
            path: said.path,
            line: said.line,
            text: said.text,
          },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["request", id] }),
  });
}

export function startMockRun(body: MockRunCreate): Promise<MockRun> {
  return given<MockRun>(api.POST("/api/v1/mock_runs", { body }));
}

const ENDED = new Set(["succeeded", "failed", "cancelled", "expired"]);

export function hasEnded(run: MockRun): boolean {
  return ENDED.has(run.state);
}

/** Holds the line until the run has ended; asks again until it has. */
export function mockRunQuery(id: string) {
  return queryOptions({
    queryKey: ["mock_run", id],
    queryFn: ({ signal }) =>
      given<MockRun>(
        api.GET("/api/v1/mock_runs/{run_id}", {
          params: { path: { run_id: id }, query: { wait: 5 } },
          signal,
        }),
      ),
    refetchInterval: ({ state }: { state: { data?: MockRun | undefined } }) =>
      state.data && !hasEnded(state.data) ? 200 : false,
    refetchIntervalInBackground: true,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useSendCode() {
  return useSentOnce((body: CodeRequestCreate, key) =>
    given<RequestFull>(
      api.POST("/api/v1/code_requests", { params: { header: { "Idempotency-Key": key } }, body }),
    ),
  );
}

export function useEditCode() {
  return useEdited((id, etag, body: CodeRequestEdit) =>
    given<RequestFull>(
      api.PATCH("/api/v1/code_requests/{request_id}", {
        params: { path: { request_id: id }, header: { "If-Match": etag } },
        body,
      }),
    ),
  );
}

/**
 * Under one Idempotency-Key until the site has answered: after a lost connection the same program is
 * sent under the same key, and is asked once.
 */
export function useSentOnce<Body>(post: (body: Body, key: string) => Promise<RequestFull>) {
  const newer = useNewer();
  const again = useTermsAgain();
  const sent = useRef({ key: "", body: "" });
  return useMutation({
    mutationFn: (body: Body) => {
      const written = JSON.stringify(body);
      if (sent.current.body !== written) sent.current = { key: randomId(), body: written };
      return post(body, sent.current.key);
    },
    onSuccess: (request) => {
      sent.current = { key: "", body: "" };
      newer(request);
    },
    onError: (error) => {
      const { status } = asApiError(error);
      const unanswered = status === 0 || status >= 500 || status === 401;
      if (!unanswered) sent.current = { key: "", body: "" };
      return again(error);
    },
  });
}

/** Another program in place of what a request asks; refused when it has changed since `etag`. */
export function useEdited<Change>(
  patch: (id: string, etag: string, change: Change) => Promise<RequestFull>,
) {
  return useMutation({
    mutationFn: ({ id, etag, change }: { id: string; etag: string; change: Change }) =>
      patch(id, etag, change),
    onSuccess: useNewer(),
    onError: useTermsAgain(),
  });
}

/** Somebody changed what holds here: it is read again, and the form says what to do. */
function useTermsAgain() {
  const client = useQueryClient();
  return (error: Error) =>
    asApiError(error).code === "terms_not_accepted"
      ? client.invalidateQueries({ queryKey: ["dataset"] })
      : undefined;
}

/** Each read of it is in the log, so it is not read again by itself. */
export function outputQuery(runId: string) {
  return queryOptions({
    queryKey: ["output", runId],
    queryFn: ({ signal }) =>
      given<HeldOutput>(
        api.GET("/api/v1/outputs/{run_id}", { params: { path: { run_id: runId } }, signal }),
      ),
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  });
}

export function resultQuery(runId: string) {
  return queryOptions({
    queryKey: ["run", runId, "result"],
    queryFn: ({ signal }) =>
      given<CodeResult>(
        api.GET("/api/v1/runs/{run_id}/result", { params: { path: { run_id: runId } }, signal }),
      ),
  });
}

/** An item as it would leave after a change. Each look is in the log, so it is asked for by hand. */
export function usePreviewItem(runId: string) {
  return useMutation({
    mutationFn: (change: Transform) =>
      given<TransformPreview>(
        api.POST("/api/v1/outputs/{run_id}/preview", {
          params: { path: { run_id: runId } },
          body: change,
        }),
      ),
  });
}

/** A vote on an output, bound to the digest of what its reviewer was shown. */
export function useDecideOutput(runId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: ReleaseDecision) =>
      given<HeldOutput>(
        api.POST("/api/v1/outputs/{run_id}/decision", {
          params: { path: { run_id: runId } },
          body,
        }),
      ),
    onSuccess: (output) => {
      client.setQueryData(["output", runId], output);
      for (const key of ["outputs", "request", "requests", "run", "runs", "home", "budgets"]) {
        void client.invalidateQueries({ queryKey: [key] });
      }
    },
  });
}

/** Whose bytes: as the code returned them, for those who decide, or as they were released. */
export type Side = "outputs" | "runs";

export function itemPath(side: Side, runId: string, name: string): string {
  return `/api/v1/${side}/${encodeURIComponent(runId)}/items/${encodeURIComponent(name)}`;
}

/** An item's bytes. Read once: each read of what is held is in the log. */
export function itemQuery(side: Side, runId: string, item: OutputItem) {
  return queryOptions({
    queryKey: ["item", side, runId, item.name, item.digest],
    queryFn: async ({ signal }) =>
      new Uint8Array(await (await rawFetch(itemPath(side, runId, item.name), { signal })).arrayBuffer()),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
}
