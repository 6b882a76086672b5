import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import type { components } from "@/api/schema";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { Section } from "@/components/Section";
import { Badge, type Tone } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { formatShare } from "@/lib/format";
import type { Account } from "./accounts";

/** The typed client reads tuples as arrays. */
type LedgerEntry = Omit<components["schemas"]["LedgerEntry"], "costs"> & {
  costs: readonly number[];
};

const KINDS: Record<LedgerEntry["kind"], { label: string; tone: Tone }> = {
  open: { label: "Opened", tone: "quiet" },
  raise: { label: "Limit raised", tone: "wait" },
  reserve: { label: "Reserved", tone: "info" },
  settle: { label: "Spent", tone: "good" },
  refund: { label: "Given back", tone: "quiet" },
  unbounded: { label: "Reviewed output", tone: "wait" },
  restore: { label: "Charged after a restore", tone: "bad" },
};

/** Every movement of an account, newest first; each charge leads to what it was for. */
export function Entries({ account }: { account: Account }) {
  const entries = useInfiniteQuery(
    cursorList(["budgets", "entries", account.id], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/accounts/{account_id}/entries", {
          params: { path: { account_id: account.id }, query: { cursor } },
          signal,
        }),
      ),
    ),
  );
  return (
    <Section
      title="Entries"
      lead="A question is reserved before it runs, and spent when its answer shows. Entries are never changed or taken away."
    >
      <DataTable label="entries" list={entries} columns={columns(account)} rowKey={(row) => row.id} />
    </Section>
  );
}

function columns(account: Account): DataColumn<LedgerEntry>[] {
  return [
    {
      id: "kind",
      header: "What",
      main: true,
      cell: (entry) => <Badge {...KINDS[entry.kind]} />,
    },
    { id: "at", header: "When", cell: (entry) => <Time at={entry.at} /> },
    {
      id: "share",
      header: "Of the limit",
      numeric: true,
      cell: (entry) => {
        const share = shareOf(entry, account);
        return share === 0 ? "" : formatShare(share);
      },
    },
    {
      id: "request",
      header: "For",
      cell: (entry) =>
        entry.request_id ? (
          <Link to="/requests/$request" params={{ request: entry.request_id }}>
            {entry.requester ? `${entry.requester.name} on ${entry.dataset}` : "The question"}
          </Link>
        ) : (
          ""
        ),
    },
    {
      id: "number",
      header: "Number",
      numeric: true,
      wideOnly: true,
      cell: (entry) => entry.sequence,
    },
  ];
}

/** An entry's cost as a share of today's limit, at the better order. */
function shareOf(entry: LedgerEntry, account: Account): number {
  const shares = account.orders.map((order, at) =>
    order.limit > 0 ? (entry.costs[at] ?? 0) / order.limit : Infinity,
  );
  return Math.min(...shares);
}
