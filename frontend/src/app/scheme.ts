/** Light, dark, or as the system has it; kept in this browser. */

import type { MantineColorScheme, MantineColorSchemeManager } from "@mantine/core";

export const SCHEMES = [
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
  { value: "auto", label: "As the system" },
] as const;

const PLACE = "carrel-scheme"; // public/scheme.js reads it before the first paint

export const schemeManager: MantineColorSchemeManager = {
  get(fallback) {
    const kept = read();
    return kept === "light" || kept === "dark" || kept === "auto" ? kept : fallback;
  },
  set(value) {
    try {
      localStorage.setItem(PLACE, value);
    } catch {
      // Refused: it lasts until the page is closed.
    }
  },
  subscribe(onUpdate) {
    listener = (event) => {
      if (event.key === PLACE) onUpdate((event.newValue ?? "auto") as MantineColorScheme);
    };
    window.addEventListener("storage", listener);
  },
  unsubscribe() {
    if (listener) window.removeEventListener("storage", listener);
  },
  clear() {
    localStorage.removeItem(PLACE);
  },
};

let listener: ((event: StorageEvent) => void) | undefined;

function read(): string | null {
  try {
    return localStorage.getItem(PLACE);
  } catch {
    return null;
  }
}
