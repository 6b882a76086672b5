import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { sessionQuery } from "@/api/session";

/** Which queries an event makes stale. It says that something changed, never what. */
const STALE: Record<string, string[]> = {
  notification: ["notifications", "home"],
  request: ["requests", "request", "home"],
  run: ["runs", "run", "requests", "request", "home", "budgets"],
  dataset: ["datasets", "dataset"],
  output: ["outputs", "requests", "request", "run", "runs", "home"],
};

/** Listens to the site's events while the console is open. The browser reconnects by itself. */
export function LiveEvents() {
  const client = useQueryClient();
  useEffect(() => {
    let source: EventSource | null = null;
    let heard = false;
    const listen = () => {
      source = new EventSource("/api/v1/events/stream");
      source.addEventListener("sync", () => {
        // The stream began anew: what changed in between was not told.
        const stale = heard ? new Set(Object.values(STALE).flat()) : [];
        for (const key of stale) void client.invalidateQueries({ queryKey: [key] });
        heard = true;
      });
      // Each look at an output is in the log: that one alone is read again, and no other.
      source.addEventListener("output", ({ data }: MessageEvent<string>) => {
        const { id } = JSON.parse(data) as { id: string };
        void client.invalidateQueries({ queryKey: ["output", id] });
      });
      for (const [kind, keys] of Object.entries(STALE)) {
        source.addEventListener(kind, () => {
          for (const key of keys) void client.invalidateQueries({ queryKey: [key] });
        });
      }
    };
    listen();
    // A stream refused for want of a session is taken up again when somebody has signed in.
    const stop = client.getQueryCache().subscribe((event) => {
      if (
        event.type === "updated" &&
        event.query.queryKey[0] === sessionQuery.queryKey[0] &&
        event.action.type === "success" &&
        source?.readyState === EventSource.CLOSED
      ) {
        listen();
      }
    });
    return () => {
      stop();
      source?.close();
    };
  }, [client]);
  return null;
}
