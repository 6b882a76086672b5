import { Popover } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { ErrorNote } from "@/components/ErrorState";
import { Time } from "@/components/Time";
import type { LazyMenuProps } from "./LazyMenu";
import classes from "./NotificationsBell.module.css";
import { useMarkRead, useRecent, useUnread } from "./notifications";

export default function NotificationsPanel({ opened, setOpened, target }: LazyMenuProps) {
  return (
    <Popover
      opened={opened}
      onChange={setOpened}
      position="bottom-end"
      width="min(24rem, calc(100vw - 2rem))"
      trapFocus
      returnFocus
    >
      <Popover.Target>{target}</Popover.Target>
      <Popover.Dropdown className={classes.box} aria-label="Notifications">
        {opened && <Recent onGo={() => setOpened(false)} />}
      </Popover.Dropdown>
    </Popover>
  );
}

function Recent({ onGo }: { onGo: () => void }) {
  const recent = useRecent();
  const unread = useUnread();
  const read = useMarkRead();
  return (
    <>
      <div className={classes.top}>
        <h2>Notifications</h2>
        {(unread.data?.length ?? 0) > 0 && (
          <button type="button" className={classes.all} onClick={() => read.mutate("all")}>
            Mark all as read
          </button>
        )}
      </div>
      {recent.isError && <ErrorNote error={recent.error} />}
      {recent.isPending && <p className={classes.empty}>Fetching…</p>}
      {recent.data?.length === 0 && (
        <p className={classes.empty}>Nothing yet. Votes, answers and new access show up here.</p>
      )}
      <ul className={classes.list}>
        {recent.data?.map((entry) => (
          <li key={entry.id}>
            <Link
              to={entry.link}
              className={classes.entry}
              data-unread={entry.read_at === null || undefined}
              onClick={() => {
                onGo();
                if (entry.read_at === null) read.mutate(entry.id);
              }}
            >
              <span className={classes.title}>
                {entry.read_at === null && <span className="visually-hidden">Unread: </span>}
                {entry.title}
              </span>
              {entry.body && <span className={classes.body}>{entry.body}</span>}
              <span className={classes.at}>
                <Time at={entry.at} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}
