import { SegmentedControl } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import type { Decision, RequestFull } from "@/api/requests";
import { useSession } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { FilterBar } from "@/components/FilterBar";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { DatasetPicker, PersonPicker } from "@/components/Pickers";
import { SearchField } from "@/components/SearchField";
import { useFilters } from "@/hooks/useFilters";
import { openShortcutsHelp, useShortcuts } from "@/hooks/useShortcuts";
import { can } from "@/lib/roles";
import { oneOf, text } from "@/lib/search";
import { mayVote } from "../requests/-voting";
import { DecisionDialog } from "./-DecisionDialog";
import { rowId } from "./-ids";
import { Preview } from "./-Preview";
import { Queue } from "./-Queue";
import { ReviewTabs } from "./-ReviewTabs";
import classes from "./-review.module.css";

/** What the address says; a link may leave any of it out. */
interface Wanted {
  waiting?: "anyone" | undefined;
  dataset?: string | undefined;
  requester?: string | undefined;
  q?: string | undefined;
  sort?: "newest" | undefined;
}

export const Route = createFileRoute("/_app/review/")({
  validateSearch: (search: Record<string, unknown>): Wanted => ({
    waiting: oneOf(search["waiting"], ["anyone"] as const),
    dataset: text(search["dataset"]),
    requester: text(search["requester"]),
    q: text(search["q"]),
    sort: oneOf(search["sort"], ["newest"] as const),
  }),
  component: ReviewPage,
});

function ReviewPage() {
  const { user } = useSession();
  if (!can(user.role, "review")) {
    return (
      <>
        <PageHeader title="Review" />
        <Note tone="quiet">
          Reviewers and owners vote here. Everything you may read is under Requests.
        </Note>
      </>
    );
  }
  return <Reviewing />;
}

interface Deciding {
  decision: Decision;
  request: RequestFull;
}

function Reviewing() {
  const { user } = useSession();
  const { filters, setFilters, clearFilters, active } =
    useFilters<Wanted>();
  const navigate = useNavigate();
  const anyone = filters.waiting === "anyone";
  const { waiting: _, sort, ...asked } = filters;
  const list = useInfiniteQuery(
    cursorList(["requests", "queue", filters], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/requests", {
          params: {
            query: {
              ...asked,
              ...(anyone ? { state: ["submitted" as const] } : { to_review: true }),
              sort: sort ?? ("oldest" as const),
              cursor,
            } as never,
          },
          signal,
        }),
      ),
    ),
  );
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data]);
  const { selected, select, step } = useSelection(rows);
  const [shown, setShown] = useState<RequestFull | null>(null);
  const [deciding, setDeciding] = useState<Deciding | null>(null);
  const [done, setDone] = useState("");

  const open = () => {
    if (selected) void navigate({ to: "/requests/$request", params: { request: selected } });
  };
  const decide = (decision: Decision) => () => {
    // Only what is on the screen can be voted on.
    if (shown && shown.id === selected && mayVote(shown, user)) setDeciding({ decision, request: shown });
  };
  useShortcuts("Review", [
    { keys: "j", does: "Next request", run: () => step(1) },
    { keys: "k", does: "Previous request", run: () => step(-1) },
    { keys: "o", does: "Open the request with its conversation (Enter does too)", run: open },
    { keys: "a", does: "Approve the request shown", run: decide("approve") },
    { keys: "r", does: "Return it for changes", run: decide("return") },
    { keys: "x", does: "Reject it", run: decide("reject") },
  ]);

  const more = list.hasNextPage;
  return (
    <>
      <PageHeader
        title="Review"
        lead={
          <>
            Questions and code that wait for a vote, the longest waiting first.{" "}
            <span className={classes.keys}>
              Keys: <kbd>j</kbd> <kbd>k</kbd> to move, <kbd>Enter</kbd> to open, <kbd>a</kbd>{" "}
              approve, <kbd>r</kbd> return, <kbd>x</kbd> reject;{" "}
              <button type="button" className={classes.help} onClick={openShortcutsHelp}>
                all shortcuts
              </button>
              .
            </span>
          </>
        }
      />
      <ReviewTabs />
      <FilterBar active={active} onClear={clearFilters}>
        <SegmentedControl
          data-fit
          aria-label="Waiting for"
          value={filters.waiting ?? "me"}
          onChange={(value) => setFilters({ waiting: value === "anyone" ? value : undefined })}
          data={[
            { value: "me", label: "Waiting for me" },
            { value: "anyone", label: "For anyone" },
          ]}
        />
        <SearchField
          label="Search purposes and ids"
          value={filters.q}
          onChange={(q) => setFilters({ q }, { replace: true })}
        />
        <DatasetPicker value={filters.dataset} onChange={(dataset) => setFilters({ dataset })} />
        <PersonPicker
          label="Who asked"
          value={filters.requester}
          onChange={(requester) => setFilters({ requester })}
        />
        <SegmentedControl
          data-fit
          aria-label="Order"
          value={filters.sort ?? "oldest"}
          onChange={(value) => setFilters({ sort: value === "newest" ? value : undefined })}
          data={[
            { value: "oldest", label: "Oldest first" },
            { value: "newest", label: "Newest first" },
          ]}
        />
      </FilterBar>
      <p role="status" className={done === "" ? "visually-hidden" : classes.done}>
        {done}
      </p>
      {list.isPending ? (
        <LoadingState what="requests" rows={8} />
      ) : list.isError && rows.length === 0 ? (
        <ErrorState error={list.error} onRetry={() => void list.refetch()} />
      ) : rows.length === 0 ? (
        <Nothing filtered={active > 0} />
      ) : (
        <div className={classes.split}>
          <Queue
            rows={rows}
            selected={selected}
            onSelect={select}
            more={more ? () => void list.fetchNextPage() : undefined}
            fetching={list.isFetchingNextPage}
          />
          {selected && (
            <Preview
              key={selected}
              id={selected}
              onShown={setShown}
              onDecide={(decision, request) => setDeciding({ decision, request })}
            />
          )}
        </div>
      )}
      {deciding && (
        <DecisionDialog
          {...deciding}
          onDone={setDone}
          onClose={() => setDeciding(null)}
        />
      )}
    </>
  );
}

/** Which row is shown. It stays when the list changes; once it is gone, the one in its place is. */
function useSelection(rows: readonly { id: string }[]) {
  const [chosen, setChosen] = useState({ id: "", place: 0 });
  const at = rows.findIndex((row) => row.id === chosen.id);
  const shown = at >= 0 ? at : Math.min(chosen.place, rows.length - 1);
  const selected = rows[shown]?.id ?? null;
  const select = (id: string) =>
    setChosen({ id, place: Math.max(0, rows.findIndex((row) => row.id === id)) });
  const step = (by: number) => {
    const next = rows[shown + by];
    if (!next) return;
    select(next.id);
    document.getElementById(rowId(next.id))?.focus();
  };
  return { selected, select, step };
}

function Nothing({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <EmptyState title="Nothing waits that fits these filters">
      Take a filter away, or look under Requests for what is decided.
    </EmptyState>
  ) : (
    <EmptyState title="Nothing waits for you">
      A question comes here when the dataset's rules ask for people, or whoever asked did. You are
      told when one does.
    </EmptyState>
  );
}
