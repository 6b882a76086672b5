import { useSyncExternalStore } from "react";

import { formatRelative, formatTime } from "@/lib/format";

interface Props {
  at: string | null | undefined;
  /** When there is no time: "never". */
  none?: string;
  /** The whole time in words rather than "3 minutes ago". */
  absolute?: boolean;
}

/** "3 minutes ago", with the exact time on hover. */
export function Time({ at, none = "never", absolute = false }: Props) {
  useMinutes();
  if (!at) return <span className="soft">{none}</span>;
  const exact = formatTime(at);
  const words = absolute ? exact : formatRelative(at);
  return (
    <time dateTime={at} title={absolute ? undefined : exact}>
      {words}
    </time>
  );
}

/* One clock for the whole page. */
let minute = 0;
let interval = 0;
const clocks = new Set<() => void>();

function useMinutes(): void {
  useSyncExternalStore(
    (tick) => {
      if (clocks.size === 0) {
        interval = window.setInterval(() => {
          minute += 1;
          for (const each of clocks) each();
        }, 30_000);
      }
      clocks.add(tick);
      return () => {
        clocks.delete(tick);
        if (clocks.size === 0) window.clearInterval(interval);
      };
    },
    () => minute,
  );
}
