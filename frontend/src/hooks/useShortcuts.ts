/** Keyboard shortcuts of single letters and of pairs ("g d"), listed in the help that `?` opens. */

import { useEffect, useRef, useSyncExternalStore } from "react";

export interface Shortcut {
  /** "r", "g d" (one after the other), "mod+Enter". */
  keys: string;
  /** What it does, for the help: "Approve this request". */
  does: string;
  run: () => void;
  /** Works while a field has the focus too; only sensible with mod. */
  inFields?: boolean;
}

interface Group {
  title: string;
  shortcuts: Shortcut[];
}

const PAIR_MS = 1200;
const OFF = "carrel-letters-off";
const groups: Group[] = [];
const listeners = new Set<() => void>();
let shown: readonly Group[] = [];
let first = "";
let timer = 0;

function changed(): void {
  shown = [...groups];
  for (const listener of listeners) listener();
  if (groups.length > 0) window.addEventListener("keydown", onKey);
  else window.removeEventListener("keydown", onKey);
}

/** Everything that can be pressed now, for the help. */
export function useShortcutGroups(): readonly Group[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => shown,
  );
}

/** Whether shortcuts without Ctrl are on; speech input needs a way to turn them off. */
export function lettersOn(): boolean {
  return localStorage.getItem(OFF) === null;
}

export function setLettersOn(on: boolean): void {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
}

let openHelp = () => {};

/** The shell says how the help is opened. */
export function onShortcutsHelp(open: () => void): void {
  openHelp = open;
}

export function openShortcutsHelp(): void {
  openHelp();
}

/** Active while the calling component is shown, and never while a dialog is open. */
export function useShortcuts(title: string, shortcuts: Shortcut[]): void {
  const latest = useRef<Shortcut[]>(shortcuts);
  const listed = shortcuts.map((each) => `${each.keys}:${each.does}`).join("|");
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    const group: Group = {
      title,
      get shortcuts() {
        return latest.current;
      },
    };
    groups.push(group);
    changed();
    return () => {
      groups.splice(groups.indexOf(group), 1);
      changed();
    };
  }, [title, listed]);
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  if (["Shift", "Control", "Meta", "Alt"].includes(event.key)) return;
  const inField = isField(event.target);
  const pressed = nameOf(event);
  const pair = first === "" ? pressed : `${first} ${pressed}`;
  first = "";
  window.clearTimeout(timer);
  if (document.querySelector('[role="dialog"]') !== null) return;
  if (!pressed.startsWith("mod+") && (inField || !lettersOn())) return;
  // A page's own shortcuts come after the shell's, and win.
  const all = groups.flatMap((group) => group.shortcuts).toReversed();
  const allowed = all.filter((each) => each.inFields === true || !inField);
  const found =
    allowed.find((each) => each.keys === pair) ?? allowed.find((each) => each.keys === pressed);
  if (found !== undefined) {
    event.preventDefault();
    found.run();
  } else if (allowed.some((each) => each.keys.startsWith(`${pressed} `))) {
    first = pressed;
    timer = window.setTimeout(() => (first = ""), PAIR_MS);
  }
}

function nameOf(event: KeyboardEvent): string {
  const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
  const alt = event.altKey ? "alt+" : "";
  return mod + alt + (event.key.length > 1 ? event.key : event.key.toLowerCase());
}

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
