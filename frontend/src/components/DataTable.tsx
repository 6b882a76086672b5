import { Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { Link, type LinkProps } from "@tanstack/react-router";
import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  sortFns,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useMemo, useRef, type KeyboardEvent, type ReactNode } from "react";

import type { CursorPage } from "@/api/queries";
import { plural } from "@/lib/format";
import classes from "./DataTable.module.css";
import { EmptyState } from "./EmptyState";
import { ErrorState } from "./ErrorState";
import { LoadingState } from "./LoadingState";

export interface DataColumn<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** Numbers stand right, in columns. */
  numeric?: boolean;
  /** The cell that names the row: it carries the link, and heads the card on a small screen. */
  main?: boolean;
  /** Left out of cards. */
  wideOnly?: boolean;
  /** Offers sorting by this, for lists that are here whole (`rows`). */
  sort?: (row: T) => string | number;
  width?: string;
}

type List<T> = UseInfiniteQueryResult<InfiniteData<CursorPage<T>>, Error>;

interface Props<T> {
  /** What the rows are, for screen readers and while loading: "requests". */
  label: string;
  columns: DataColumn<T>[];
  /** A list of the API: `useInfiniteQuery(cursorList(…))`. */
  list?: List<T>;
  /** Or rows that are here already. */
  rows?: readonly T[];
  rowKey: (row: T) => string;
  rowLink?: (row: T) => Pick<LinkProps, "to" | "params" | "search">;
  /** Shown in place of no rows; say what would fill it. */
  empty?: ReactNode;
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns,
});
const NONE: readonly never[] = [];

/** A list: a table on a wide screen, cards on a small one. Arrow keys go from row to row. */
export function DataTable<T extends object>(props: Props<T>) {
  const { label, list, empty } = props;
  const rows = useMemo(
    () => props.rows ?? list?.data?.pages.flatMap((page) => page.items) ?? NONE,
    [props.rows, list?.data],
  );
  if (list?.isPending) return <LoadingState what={label} rows={7} />;
  if (list?.isError && rows.length === 0) {
    return <ErrorState error={list.error} onRetry={() => void list.refetch()} />;
  }
  if (rows.length === 0) return empty ?? <EmptyState title={`No ${label}`} />;
  return <Filled {...props} rows={rows} />;
}

function Filled<T extends object>({
  label,
  columns,
  list,
  rows,
  rowKey,
  rowLink,
}: Props<T> & { rows: readonly T[] }) {
  const cards = useMediaQuery("(max-width: 40em)", false, { getInitialValueInEffect: false });
  const frame = useRef<HTMLDivElement>(null);
  const definitions = useMemo(() => {
    const helper = createColumnHelper<typeof features, T>();
    return helper.columns(
      columns.map((column) =>
        helper.accessor((row) => column.sort?.(row) ?? "", {
          id: column.id,
          header: column.header,
          enableSorting: column.sort !== undefined,
        }),
      ),
    );
  }, [columns]);
  const table = useTable({ features, columns: definitions, data: rows as T[], getRowId: rowKey });
  const sorted = table.getRowModel().rows.map((row) => row.original);

  const onKeyDown = (event: KeyboardEvent) => {
    const links = [...(frame.current?.querySelectorAll<HTMLElement>("[data-row-link]") ?? [])];
    const at = links.indexOf(event.target as HTMLElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined || links[to] === undefined) return;
    event.preventDefault();
    links[to].focus();
  };
  const more = async () => {
    const before = rows.length;
    await list?.fetchNextPage();
    frame.current?.querySelectorAll<HTMLElement>("[data-row-link]")[before]?.focus();
  };
  const name = (row: T, column: DataColumn<T>) =>
    column.main && rowLink ? (
      <Link {...(rowLink(row) as LinkProps)} className={classes.link} data-row-link>
        {column.cell(row)}
      </Link>
    ) : (
      column.cell(row)
    );

  return (
    <div ref={frame} role="presentation" onKeyDown={onKeyDown} className={classes.frame}>
      {cards ? (
        <ul className={classes.cards} aria-label={label}>
          {sorted.map((row) => (
            <Card key={rowKey(row)} row={row} columns={columns} name={name} />
          ))}
        </ul>
      ) : (
        <div className={classes.scroll}>
          <table className={classes.table} aria-label={label}>
            <thead>
              <tr>
                {table.getHeaderGroups()[0]?.headers.map((header, index) => {
                  const column = columns[index];
                  if (!column) return null;
                  const order = header.column.getIsSorted();
                  return (
                    <th
                      key={column.id}
                      scope="col"
                      data-numeric={column.numeric || undefined}
                      style={{ width: column.width }}
                      {...(column.sort
                        ? { "aria-sort": order ? (`${order}ending` as const) : "none" }
                        : {})}
                    >
                      {column.sort ? (
                        <button
                          type="button"
                          className={classes.sort}
                          onClick={header.column.getToggleSortingHandler()}
                        >
                          {column.header}
                          <span aria-hidden="true">
                            {order === "asc" ? "↑" : order === "desc" ? "↓" : "↕"}
                          </span>
                        </button>
                      ) : (
                        column.header
                      )}
                    </th>
                  );
                })}
              </tr>
            </thead>
            <tbody>
              {sorted.map((row) => (
                <tr key={rowKey(row)} data-linked={rowLink ? true : undefined}>
                  {columns.map((column) => (
                    <td key={column.id} data-numeric={column.numeric || undefined}>
                      {name(row, column)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list && (
        <div className={classes.foot}>
          <span role="status">
            {plural(rows.length, "row")} shown{list.hasNextPage ? "" : ", that is all"}
          </span>
          {list.hasNextPage && (
            <Button
              variant="default"
              loading={list.isFetchingNextPage}
              onClick={() => void more()}
            >
              Show more
            </Button>
          )}
        </div>
      )}
      {list?.isFetchNextPageError && (
        <ErrorState error={list.error} onRetry={() => void list.fetchNextPage()} />
      )}
    </div>
  );
}

function Card<T>({
  row,
  columns,
  name,
}: {
  row: T;
  columns: DataColumn<T>[];
  name: (row: T, column: DataColumn<T>) => ReactNode;
}) {
  const main = columns.find((column) => column.main);
  return (
    <li className={classes.card}>
      {main && <div className={classes.cardTitle}>{name(row, main)}</div>}
      <dl>
        {columns
          .filter((column) => column !== main && !column.wideOnly)
          .map((column) => (
            <div key={column.id}>
              <dt>{column.header}</dt>
              <dd>{column.cell(row)}</dd>
            </div>
          ))}
      </dl>
    </li>
  );
}
