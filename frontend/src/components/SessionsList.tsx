import { Button } from "@mantine/core";

import type { Schemas } from "@/api/client";
import { browserWords } from "@/lib/browser";
import classes from "./SessionsList.module.css";
import { Badge } from "./StateBadge";
import { Time } from "./Time";

export type Session = Schemas["Session"];

/** Where somebody is signed in, each to be ended; the one in use ends by signing out. */
export function SessionsList({
  label,
  sessions,
  busy = false,
  onEnd,
}: {
  label: string;
  sessions: readonly Session[];
  busy?: boolean;
  onEnd: (session: Session) => void;
}) {
  return (
    <ul className={classes.sessions} aria-label={label}>
      {sessions.map((session) => (
        <li key={session.id} className={classes.session}>
          <div>
            <div className={classes.browser}>
              <strong title={session.user_agent}>{browserWords(session.user_agent)}</strong>
              {session.current && <Badge label="This one" tone="good" icon="check" />}
            </div>
            <span className="soft">
              Signed in <Time at={session.created_at} />, last used{" "}
              <Time at={session.last_seen_at} />
            </span>
          </div>
          {!session.current && (
            <Button
              variant="subtle"
              color="brick"
              size="compact-md"
              disabled={busy}
              onClick={() => onEnd(session)}
            >
              End
              <span className="visually-hidden">
                {" "}
                the session in {browserWords(session.user_agent)}
              </span>
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}
