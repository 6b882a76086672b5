import { useEffect, useMemo, useState } from "react";

import type { Token } from "./highlight";

type Highlight = (text: string) => Token[][];

let loaded: Highlight | null = null;

/** A file's lines as tokens: plain until the colours are there. */
export function useHighlighted(text: string): Token[][] {
  const [highlight, setHighlight] = useState<Highlight | null>(() => loaded);
  useEffect(() => {
    if (loaded !== null) return undefined;
    let here = true;
    void import("./highlight").then(
      (module) => {
        loaded = module.highlight;
        if (here) setHighlight(() => module.highlight);
      },
      () => undefined, // code without colours is still code
    );
    return () => {
      here = false;
    };
  }, []);
  return useMemo(
    () =>
      highlight
        ? highlight(text)
        : text.split("\n").map((line) => [{ text: line, kind: "" }]),
    [highlight, text],
  );
}
