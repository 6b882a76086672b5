/** A verification of the log that tells how far it is: lines of JSON, the verdict last. */

import { useCallback, useEffect, useRef, useState } from "react";

import { rawFetch } from "@/api/client";
import { ApiError, asApiError } from "@/api/problem";

/* The stream's lines: AuditProgress and AuditVerdict of the API. */
interface Progress {
  checked: number;
  total: number;
}

export interface Verdict {
  intact: boolean;
  broken: string | null;
  events: number;
  anchors: number;
  accounts: number;
  entries: number;
  answers: number;
  journal_lines: number;
  /** Events, first and last, that a restored backup lost. */
  restores: [first: number, last: number][];
}

export type Verifying =
  | { state: "idle" }
  | { state: "running"; progress: Progress }
  | { state: "cancelled" }
  | { state: "failed"; error: ApiError }
  | { state: "done"; verdict: Verdict; at: Date };

export function useVerify() {
  const [now, setNow] = useState<Verifying>({ state: "idle" });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const start = useCallback(async () => {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    setNow({ state: "running", progress: { checked: 0, total: 0 } });
    try {
      const answer = await rawFetch("/api/v1/audit/verify", { signal: control.signal });
      const verdict = await read(answer, (progress) => setNow({ state: "running", progress }));
      setNow({ state: "done", verdict, at: new Date() });
    } catch (error) {
      if (control.signal.aborted) setNow({ state: "cancelled" });
      else setNow({ state: "failed", error: asApiError(error) });
    }
  }, []);
  const cancel = useCallback(() => running.current?.abort(), []);
  return { now, start, cancel };
}

async function read(answer: Response, onProgress: (progress: Progress) => void): Promise<Verdict> {
  if (answer.body === null) throw cutShort();
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw cutShort();
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    let last: Progress | undefined;
    for (const line of lines) {
      const said = JSON.parse(line) as Progress | Verdict;
      if ("intact" in said) return said;
      last = said;
    }
    if (last) onProgress(last);
  }
}

function cutShort(): ApiError {
  return new ApiError({
    title: "Cut short",
    status: 0,
    code: "network",
    detail: "The verification did not end: the connection was lost before its verdict.",
    advice: "Nothing is known about the log from it. Try again.",
    errors: [],
  });
}
