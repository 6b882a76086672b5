/** One request and what belongs to it. Live events make all of it stale by its first word. */

import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap, type components } from "./client";
import { asApiError } from "./problem";

export type RequestFull = components["schemas"]["Request"];
export type RequestSummary = components["schemas"]["RequestSummary"];
export type RequestRound = components["schemas"]["RequestRound"];
export type RequestBackground = components["schemas"]["RequestBackground"];
export type RequestComment = components["schemas"]["Comment"];
export type Vote = components["schemas"]["Vote"];
export type Run = components["schemas"]["Run"];
export type Target = NonNullable<RequestFull["target"]>;
export type CodeContent = components["schemas"]["CodeContent"];
type Price = components["schemas"]["Price"];

/** A request that runs a program. People have to read it and what it returns; it has no price. */
export type CodeRequest = RequestFull & { kind: "code"; content: CodeContent };
/** A request of a private black box: its program is read as code is, and it has a price. */
export type BlackBoxRequest = RequestFull & {
  kind: "black_box";
  content: components["schemas"]["BlackBoxContent"];
  price: NonNullable<RequestFull["price"]>;
};
/** A request that runs a program, whichever way what it returns leaves. */
export type ProgramRequest = CodeRequest | BlackBoxRequest;
type Asked = Pick<RequestFull, "kind"> & { content: { kind: string }; price: unknown };
/** A question, answered with noise and paid from a budget. */
export type Question<R extends Asked> = R & {
  kind: "query";
  content: Extract<R["content"], { kind: "query" }>;
  price: NonNullable<R["price"]>;
};
export type QuestionRequest = Question<RequestFull>;

export function isCode(request: RequestFull): request is CodeRequest {
  return request.kind === "code";
}

export function isBlackBox(request: RequestFull): request is BlackBoxRequest {
  return request.kind === "black_box" && request.price !== null;
}

export function isProgram(request: RequestFull): request is ProgramRequest {
  return isCode(request) || isBlackBox(request);
}

export function isQuestion<R extends Asked>(request: R): request is Question<R> {
  return request.kind === "query" && request.price !== null;
}

/** An earlier or the present round of a question. */
export type QuestionRound = RequestRound & {
  price: Price;
  target: Target;
  bounds: NonNullable<RequestRound["bounds"]>;
};

export function isQuestionRound(round: RequestRound): round is QuestionRound {
  return round.price !== null && round.target !== null && round.bounds !== null;
}

/** The generated client reads pairs as lists; the schema's own types know better. */
export function given<T>(answer: Promise<{ data?: unknown; error?: unknown; response: Response }>) {
  return unwrap(answer) as Promise<T>;
}

const named = (id: string) => ({ params: { path: { request_id: id } } });

export function requestQuery(id: string) {
  return queryOptions({
    queryKey: ["request", id],
    queryFn: ({ signal }) =>
      given<RequestFull>(api.GET("/api/v1/requests/{request_id}", { ...named(id), signal })),
  });
}

export function commentsQuery(id: string) {
  return queryOptions({
    queryKey: ["request", id, "comments"],
    queryFn: ({ signal }) =>
      given<RequestComment[]>(api.GET("/api/v1/requests/{request_id}/comments", { ...named(id), signal })),
  });
}

export function roundsQuery(id: string) {
  return queryOptions({
    queryKey: ["request", id, "rounds"],
    queryFn: ({ signal }) =>
      given<RequestRound[]>(api.GET("/api/v1/requests/{request_id}/rounds", { ...named(id), signal })),
  });
}

export function backgroundQuery(id: string) {
  return queryOptions({
    queryKey: ["request", id, "background"],
    queryFn: ({ signal }) =>
      given<RequestBackground>(api.GET("/api/v1/requests/{request_id}/background", { ...named(id), signal })),
  });
}

export type Decision = "approve" | "return" | "reject";

interface Decided {
  decision: Decision;
  /** Of what the reviewer was shown. */
  contentHash: string;
  reason: string;
}

function send(id: string, { decision, contentHash, reason }: Decided): Promise<RequestFull> {
  const body = { content_hash: contentHash, reason };
  const options = { ...named(id), body };
  if (decision === "approve") {
    return given<RequestFull>(api.POST("/api/v1/requests/{request_id}/approve", options));
  }
  if (decision === "return") {
    return given<RequestFull>(api.POST("/api/v1/requests/{request_id}/return", options));
  }
  return given<RequestFull>(api.POST("/api/v1/requests/{request_id}/reject", options));
}

/** After something was done to a request: it is what came back, and its lists are stale. */
export function useNewer() {
  const client = useQueryClient();
  return (request: RequestFull) => {
    client.setQueryData(["request", request.id], request);
    for (const key of ["request", "requests", "home", "budgets", "runs"]) {
      void client.invalidateQueries({ queryKey: [key] });
    }
  };
}

/** A vote, bound to the content its reviewer was shown. */
export function useDecide() {
  return useMutation({
    mutationFn: ({ id, ...decided }: Decided & { id: string }) => send(id, decided),
    onSuccess: useNewer(),
  });
}

export function useWithdraw() {
  return useMutation({
    mutationFn: (id: string) =>
      given<RequestFull>(api.POST("/api/v1/requests/{request_id}/withdraw", named(id))),
    onSuccess: useNewer(),
  });
}

export function useQueueAgain() {
  return useMutation({
    mutationFn: (id: string) => given<RequestFull>(api.POST("/api/v1/requests/{request_id}/queue", named(id))),
    onSuccess: useNewer(),
  });
}

export function runQuery(id: string) {
  return queryOptions({
    queryKey: ["run", id],
    queryFn: ({ signal }) =>
      given<Run>(api.GET("/api/v1/runs/{run_id}", { params: { path: { run_id: id } }, signal })),
  });
}

export function priceOf(asked: components["schemas"]["QueryAsk"], signal: AbortSignal) {
  return given<components["schemas"]["Price"]>(api.POST("/api/v1/prices", { body: asked, signal }));
}

export type RequestEdit = components["schemas"]["RequestEdit"];

/** Asks something else in its place; refused when it has changed since `etag` was read. */
export function useEdit() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, etag, change }: { id: string; etag: string; change: RequestEdit }) =>
      given<RequestFull>(
        api.PUT("/api/v1/requests/{request_id}", {
          params: { path: { request_id: id }, header: { "If-Match": etag } },
          body: change,
        }),
      ),
    onSuccess: useNewer(),
    // Somebody changed what holds here: read it again, and the form says what to do.
    onError: (error) =>
      asApiError(error).code === "terms_not_accepted"
        ? client.invalidateQueries({ queryKey: ["dataset"] })
        : undefined,
  });
}

export function useComment(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (text: string) =>
      unwrap(api.POST("/api/v1/requests/{request_id}/comments", { ...named(id), body: { text } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["request", id] }),
  });
}

export function useCancelRun() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.POST("/api/v1/runs/{run_id}/cancel", { params: { path: { run_id: id } } })),
    onSuccess: () => {
      for (const key of ["request", "requests", "run", "runs", "home", "budgets"]) {
        void client.invalidateQueries({ queryKey: [key] });
      }
    },
  });
}
