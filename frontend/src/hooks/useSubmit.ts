import { useCallback, useEffect, useRef, useState } from "react";

import { asApiError, type ApiError } from "@/api/problem";

export interface Submit<A extends unknown[]> {
  /** Runs the work; a second call while it runs does nothing. Resolves to whether it succeeded. */
  submit: (...args: A) => Promise<boolean>;
  busy: boolean;
  error: ApiError | null;
  forget: () => void;
}

/** One form's sending: busy while it is under way, and its error. */
export function useSubmit<A extends unknown[]>(work: (...args: A) => Promise<unknown>): Submit<A> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const running = useRef(false);
  const latest = useRef(work);
  useEffect(() => {
    latest.current = work;
  });
  const submit = useCallback(async (...args: A) => {
    if (running.current) return false;
    running.current = true;
    setBusy(true);
    setError(null);
    try {
      await latest.current(...args);
      return true;
    } catch (cause) {
      setError(asApiError(cause));
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  const forget = useCallback(() => setError(null), []);
  return { submit, busy, error, forget };
}
