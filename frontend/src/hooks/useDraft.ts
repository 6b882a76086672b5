/**
 * Form state that a reload, an ended session or a wrong click on a link does not lose.
 *
 * It stands in this tab's sessionStorage under the person's id, so that nobody who signs in next
 * sees it, and signing out removes it. Never keep a password or a key in a draft.
 */

import { useCallback, useRef, useState } from "react";

import { useMaybeSession } from "@/api/session";

interface Kept<T> {
  version: number;
  value: T;
}

export interface Draft<T> {
  value: T;
  set: (change: T | ((before: T) => T)) => void;
  /** Back to `initial`, and nothing is kept: after the form was sent, or thrown away. */
  clear: () => void;
  /** Whether `value` was brought back from an earlier visit. */
  restored: boolean;
  /** Whether anything differs from `initial`. */
  dirty: boolean;
}

function load<T>(place: string, version: number): T | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(place) ?? "null") as Kept<T> | null;
    return kept?.version === version ? kept.value : undefined;
  } catch {
    return undefined; // unreadable or refused: as if nothing had been kept
  }
}

/** `version`: raise it when the form's shape changes, so that old drafts are left alone. */
export function useDraft<T>(name: string, initial: T, version = 1): Draft<T> {
  const person = useMaybeSession()?.user.id ?? "nobody";
  const place = `draft:${person}:${name}`;
  const first = useRef(initial);
  const [state, setState] = useState(() => {
    const kept = load<T>(place, version);
    return { value: kept ?? initial, restored: kept !== undefined, dirty: kept !== undefined };
  });

  const set = useCallback(
    (change: T | ((before: T) => T)) => {
      setState((before) => {
        const value =
          typeof change === "function" ? (change as (before: T) => T)(before.value) : change;
        try {
          sessionStorage.setItem(place, JSON.stringify({ version, value }));
        } catch {
          // Full or refused: the form works on, only a reload would lose it.
        }
        return { value, restored: before.restored, dirty: true };
      });
    },
    [place, version],
  );

  const clear = useCallback(() => {
    sessionStorage.removeItem(place);
    setState({ value: first.current, restored: false, dirty: false });
  }, [place]);

  return { value: state.value, set, clear, restored: state.restored, dirty: state.dirty };
}
