/** Who is signed in here, and the ways in and out. */

import { queryOptions, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";

import { attended, PASSIVE } from "./attention";
import { randomId, setCsrfToken } from "./client";
import { ApiError, problemOf, unreachable } from "./problem";
import type { components } from "./schema";

export type Role = components["schemas"]["Role"];
export type User = components["schemas"]["User"];
export type SessionInfo = components["schemas"]["SessionInfo"];
export type InvitationFacts = components["schemas"]["InvitationFacts"];

/** A request that a missing session does not interrupt. */
async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method === "GET" && !attended()) headers[PASSIVE] = "1";
  if (method === "POST") headers["Idempotency-Key"] = randomId();
  if (method !== "GET" && csrf !== null) headers["X-CSRF-Token"] = csrf;
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw unreachable();
  }
  if (!response.ok) throw problemOf(await response.json().catch(() => null), response);
  return (response.status === 204 || response.status === 202
    ? undefined
    : await response.json()) as T;
}

let csrf: string | null = null;

function noteSession(session: SessionInfo | null): SessionInfo | null {
  csrf = session?.csrf_token ?? null;
  setCsrfToken(csrf);
  return session;
}

let deactivated = false;

/** Whether whoever was signed in here last was deactivated: the site says so to this browser. */
export function wasDeactivated(): boolean {
  return deactivated;
}

async function readSession(): Promise<SessionInfo | null> {
  try {
    deactivated = false;
    return noteSession(await call<SessionInfo>("GET", "/session"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      deactivated = error.code === "account_deactivated";
      return noteSession(null);
    }
    throw error;
  }
}

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: readSession,
  staleTime: 5 * 60_000,
});

/** The session of a page inside the console, where there always is one. */
export function useSession(): SessionInfo {
  const { data } = useQuery(sessionQuery);
  if (!data) throw new Error("This page was opened without a session.");
  return data;
}

export function useMaybeSession(): SessionInfo | null {
  return useQuery(sessionQuery).data ?? null;
}

function begin(client: QueryClient, session: SessionInfo): SessionInfo {
  noteSession(session);
  client.setQueryData(sessionQuery.queryKey, session);
  return session;
}

export interface SetupFields {
  token: string;
  name: string;
  email: string;
  password: string;
}

/** What the pages outside the console do. Each that signs in leaves the session in the cache. */
export function useWaysIn() {
  const client = useQueryClient();
  return {
    signIn: async (email: string, password: string) =>
      begin(client, await call<SessionInfo>("POST", "/session", { email, password })),
    setUp: async (fields: SetupFields) => {
      await call<unknown>("POST", "/setup", fields);
      const session = await readSession();
      if (session) begin(client, session);
      return session;
    },
    lookUpInvitation: (token: string) =>
      call<InvitationFacts>("POST", "/invitation/lookup", { token }),
    acceptInvitation: async (token: string, name: string, password: string) =>
      begin(
        client,
        await call<SessionInfo>("POST", "/invitation/accept", { token, name, password }),
      ),
    askForReset: (email: string) => call<void>("POST", "/password_resets", { email }),
    reset: (token: string, password: string) =>
      call<void>("POST", "/password_resets/accept", { token, password }),
  };
}

/** End the session here: the server's, everything read under it, and drafts. */
export function useSignOut(): () => Promise<void> {
  const client = useQueryClient();
  return async () => {
    try {
      await call<void>("DELETE", "/session");
    } finally {
      forgetEverything(client);
    }
  };
}

export function forgetEverything(client: QueryClient): void {
  noteSession(null);
  sessionStorage.clear();
  client.clear();
}

export const setupQuery = queryOptions({
  queryKey: ["setup"],
  queryFn: () => call<{ done: boolean }>("GET", "/setup"),
  staleTime: 60_000,
});
