/**
 * Whether somebody is at this page. What a page reads by itself while nobody is (it polls, and live
 * events make it read again) must not keep their session from ending, so such reads say so.
 */

const ACTS = ["pointerdown", "keydown", "wheel", "touchstart"] as const;
/** So long after somebody last did something, what the page reads is still for them. */
const ATTENDED_MS = 60_000;
export const PASSIVE = "X-Carrel-Passive";

// Opening the page is somebody's doing.
let last = Date.now();

function note(): void {
  last = Date.now();
}

for (const act of ACTS) window.addEventListener(act, note, { capture: true, passive: true });
window.addEventListener("focus", note);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") note();
});

export function attended(): boolean {
  return Date.now() - last < ATTENDED_MS;
}
