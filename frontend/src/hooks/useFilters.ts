/** Filters that live in the address: shareable, and the back button undoes them. */

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

export interface Filters<S> {
  filters: S;
  /** Changes some filters; undefined removes one. `replace` adds no step for the back button:
      use it for what is typed letter by letter. */
  setFilters: (change: Partial<S>, options?: { replace?: boolean }) => void;
  clearFilters: () => void;
  /** How many filters are set. */
  active: number;
}

/** Of the page that is shown; give its route a `validateSearch` that returns `S`. */
export function useFilters<S extends object>(): Filters<S> {
  const filters = useSearch({ strict: false } as never) as S;
  const navigate = useNavigate();
  const setFilters = useCallback(
    (change: Partial<S>, { replace = false } = {}) => {
      void navigate({
        to: ".",
        search: ((before: S) => ({ ...before, ...change })) as never,
        replace,
        resetScroll: false,
      });
    },
    [navigate],
  );
  const clearFilters = useCallback(() => {
    void navigate({ to: ".", search: {} as never, resetScroll: false });
  }, [navigate]);
  const active = Object.values(filters).filter((value) => value !== undefined).length;
  return { filters, setFilters, clearFilters, active };
}
