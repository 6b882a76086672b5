import { useRouter } from "@tanstack/react-router";
import { useEffect } from "react";

/**
 * When another page has been opened, the focus goes to its title, as it would on a page that was
 * loaded: a screen reader reads where one is, and Tab goes on from there.
 */
export function RouteFocus() {
  const router = useRouter();
  useEffect(
    () =>
      router.subscribe("onRendered", ({ fromLocation, toLocation }) => {
        if (!fromLocation || fromLocation.pathname === toLocation.pathname) return;
        // The page's code may still be on its way in.
        window.setTimeout(() => {
          const held = document.activeElement;
          if (held?.closest('[role="dialog"]') || held?.closest("main input, main textarea")) return;
          const title = document.querySelector<HTMLElement>("main [data-page-title]");
          (title ?? document.getElementById("main"))?.focus({ preventScroll: true });
        }, 0);
      }),
    [router],
  );
  return null;
}
