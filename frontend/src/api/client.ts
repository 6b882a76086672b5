/**
 * The typed client. Pages call `api.GET("/api/v1/…")` inside `unwrap`, which gives the data or
 * throws an ApiError.
 *
 * A 401 in the middle of work does not reach the page: the sign-in dialog opens over it, and the
 * request is sent again once the same person has signed in.
 */

import createClient from "openapi-fetch";

import { attended, PASSIVE } from "./attention";
import { ApiError, problemOf, SignInDeclined, unreachable } from "./problem";
import type { components, paths } from "./schema";

export type { components } from "./schema";

/** What an answer is as `unwrap` gives it: openapi-fetch makes lists of the schema's pairs. */
type Plain<T> = T extends (infer E)[]
  ? Plain<E>[]
  : T extends object
    ? { [K in keyof T]: Plain<T[K]> }
    : T;
export type Schemas = Plain<components["schemas"]>;

const SAFE = new Set(["GET", "HEAD"]);

let csrfToken: string | null = null;
type Ask = (deactivated: boolean) => Promise<boolean>;
let askToSignIn: Ask | null = null;
let waiting: Promise<boolean> | null = null;

/** The token of the present session; null when there is none. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** How a session that ended is renewed; resolves to false when the person declines, or may not. */
export function onSessionEnded(ask: Ask | null): void {
  askToSignIn = ask;
}

/** 128 random bits as hex; crypto.randomUUID exists on https and localhost only. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function send(request: Request): Promise<Response> {
  if (SAFE.has(request.method)) {
    if (!attended()) request.headers.set(PASSIVE, "1");
  } else {
    if (csrfToken !== null) request.headers.set("X-CSRF-Token", csrfToken);
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
      // One key per write, kept when the request is sent again.
      request.headers.set("Idempotency-Key", randomId());
    }
  }
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
}

/** fetch, for the routes that need a session. */
export async function sessionFetch(request: Request): Promise<Response> {
  const again = request.clone();
  const response = await send(request);
  if (response.status === 401 && askToSignIn !== null) {
    // However many requests find out at once, one dialog opens.
    const deactivated = (await codeOf(response.clone())) === "account_deactivated";
    waiting ??= askToSignIn(deactivated).finally(() => {
      waiting = null;
    });
    if (!(await waiting)) throw new SignInDeclined();
    return send(carryOver(request, again));
  }
  if (response.status === 403 && (await codeOf(response.clone())) === "csrf_failed") {
    // Another tab has signed in since: the cookie is new, our token is not.
    if (await renewToken()) return send(carryOver(request, again));
  }
  return response;
}

function carryOver(sent: Request, again: Request): Request {
  const key = sent.headers.get("Idempotency-Key");
  if (key !== null) again.headers.set("Idempotency-Key", key);
  return again;
}

async function codeOf(response: Response): Promise<string | null> {
  try {
    return ((await response.json()) as { code?: string }).code ?? null;
  } catch {
    return null;
  }
}

async function renewToken(): Promise<boolean> {
  const response = await fetch("/api/v1/session");
  if (!response.ok) return false;
  csrfToken = ((await response.json()) as { csrf_token: string }).csrf_token;
  return true;
}

export const api = createClient<paths>({
  baseUrl: "",
  fetch: sessionFetch,
  querySerializer: { array: { style: "form", explode: true } },
});

/** For sign-in, set-up, invitations and resets: a 401 there is an answer, not an ended session. */
export const openApi = createClient<paths>({ baseUrl: "", fetch: send });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; throws an ApiError when it is an error. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw problemOf(error, response);
  return data as T;
}

/** Data together with its ETag, for a later If-Match. */
export async function unwrapTagged<T>(
  answer: Promise<Answer<T>>,
): Promise<{ data: T; etag: string | null }> {
  const { data, error, response } = await answer;
  if (!response.ok) throw problemOf(error, response);
  return { data: data as T, etag: response.headers.get("etag") };
}

/** A route whose answer is not JSON, or whose types are not generated: the raw answer. */
export async function rawFetch(path: string, options: RequestInit = {}): Promise<Response> {
  const request = new Request(new URL(path, location.origin), options);
  const response = await sessionFetch(request);
  if (!response.ok) {
    const body: unknown = await response.json().catch(() => null);
    throw problemOf(body, response);
  }
  return response;
}

export { ApiError };
