import { Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";

import type { RequestSummary } from "@/api/requests";
import { useSession } from "@/api/session";
import { Icon } from "@/components/Icon";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { formatShare, plural } from "@/lib/format";
import { isSoon, titleOf } from "../requests/-words";
import { rowId } from "./-ids";
import classes from "./-review.module.css";

interface Props {
  rows: readonly RequestSummary[];
  selected: string | null;
  onSelect: (id: string) => void;
  more: (() => void) | undefined;
  fetching: boolean;
}

/** The waiting requests. On a wide screen one is chosen and shown beside; on a small one each opens. */
export function Queue({ rows, selected, onSelect, more, fetching }: Props) {
  const navigate = useNavigate();
  const wide = useMediaQuery("(min-width: 64em)", true, { getInitialValueInEffect: false });
  useEffect(() => {
    // The row that had the focus was voted on and left the list: the one in its place takes it.
    if (wide && selected && document.activeElement === document.body) {
      document.getElementById(rowId(selected))?.focus();
    }
  }, [wide, selected]);
  return (
    <div className={classes.queue}>
      <ul className={classes.rows} aria-label="Waiting requests">
        {rows.map((row) => (
          <li key={row.id}>
            <Link
              id={rowId(row.id)}
              to="/requests/$request"
              params={{ request: row.id }}
              className={classes.row}
              aria-current={wide && row.id === selected ? "true" : undefined}
              onFocus={() => onSelect(row.id)}
              onClick={(event) => {
                // A plain click shows it here; with a modifier, or by Enter, it opens.
                const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey;
                if (wide && plain && event.detail > 0) {
                  event.preventDefault();
                  onSelect(row.id);
                }
              }}
              onDoubleClick={() =>
                void navigate({ to: "/requests/$request", params: { request: row.id } })
              }
            >
              <Row row={row} />
            </Link>
          </li>
        ))}
      </ul>
      <div className={classes.foot}>
        <span role="status">
          {plural(rows.length, "request")} shown{more ? "" : ", that is all"}
        </span>
        {more && (
          <Button variant="default" size="sm" loading={fetching} onClick={more}>
            Show more
          </Button>
        )}
      </div>
    </div>
  );
}

function Row({ row }: { row: RequestSummary }) {
  const { user } = useSession();
  const soon = row.expires_at !== null && isSoon(row.expires_at);
  return (
    <>
      <span className={classes.rowTop}>
        <span className={classes.rowTitle}>{titleOf(row)}</span>
        {row.kind === "code" ? (
          <Badge label="Code" tone="info" />
        ) : (
          <span className={classes.share} title="Of the requester's budget">
            {formatShare(row.share)}
            <span className="visually-hidden"> of the requester's budget</span>
          </span>
        )}
      </span>
      <span className={classes.rowFacts}>
        <span>{row.requester.id === user.id ? "You" : row.requester.name}</span>
        <span>{row.dataset}</span>
        <span>
          asked <Time at={row.created_at} />
        </span>
        <span>{plural(row.votes_needed, "vote")} needed</span>
        {row.votes_cast > 0 && <span>you have voted</span>}
        {row.expires_at && (
          <span className={soon ? classes.soon : undefined}>
            {soon && <Icon name="clock" size={14} />} expires <Time at={row.expires_at} />
          </span>
        )}
      </span>
    </>
  );
}
