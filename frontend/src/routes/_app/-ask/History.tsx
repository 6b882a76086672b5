import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { cursorList } from "@/api/queries";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { StateBadge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { formatShare } from "@/lib/format";
import classes from "./Ask.module.css";

type Row = Schemas["RequestSummary"];

interface Props {
  /** Puts a question back into the form. */
  onLoad: (request: string) => void;
}

/** What one asked, of every dataset, newest first. A question goes back into the form; a program is
    shown where it stands. */
export function History({ onLoad }: Props) {
  const list = useInfiniteQuery(
    cursorList(["requests", "mine", "ask"], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/requests", { params: { query: { mine: true, limit: 20, cursor } }, signal }),
      ),
    ),
  );
  const columns = useMemo(() => columnsOf(onLoad), [onLoad]);
  return (
    <DataTable
      label="questions"
      columns={columns}
      list={list}
      rowKey={(row) => row.id}
      rowLink={(row) =>
        row.kind === "query"
          ? { to: "/ask", search: { dataset: row.dataset, request: row.id } as never }
          : { to: "/requests/$request", params: { request: row.id } as never }
      }
      empty={
        <EmptyState title="You have not asked anything yet">
          Each question you ask stands here with what became of it. Asking the same again costs
          nothing.
        </EmptyState>
      }
    />
  );
}

function columnsOf(onLoad: Props["onLoad"]): DataColumn<Row>[] {
  return [
    {
      id: "question",
      header: "Question",
      main: true,
      cell: (row) => <span className={classes.row}>{row.in_words}</span>,
    },
    { id: "dataset", header: "Dataset", cell: (row) => row.dataset },
    {
      id: "state",
      header: "State",
      cell: (row) => (
        <StateBadge of={row.run_state ? "run" : "request"} state={row.run_state ?? row.state} />
      ),
    },
    { id: "cost", header: "Cost", numeric: true, cell: (row) => <span className={classes.short}>{formatShare(row.share)}</span> },
    { id: "asked", header: "Asked", cell: (row) => <span className={classes.short}><Time at={row.created_at} /></span> },
    {
      id: "again",
      header: "Again",
      cell: (row) =>
        row.kind === "query" && (
          <Button
            variant="default"
            size="compact-sm"
            aria-label={`Write again: ${row.in_words}`}
            onClick={() => onLoad(row.id)}
          >
            Write again
          </Button>
        ),
    },
  ];
}
