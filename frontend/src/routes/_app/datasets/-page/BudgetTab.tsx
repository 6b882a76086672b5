import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import type { components } from "@/api/schema";
import { useSession } from "@/api/session";
import { BudgetBar } from "@/components/BudgetBar";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Facts, Section } from "@/components/Section";
import { formatCount, formatEpsilon, formatShare } from "@/lib/format";
import { can } from "@/lib/roles";
import classes from "./Dataset.module.css";
import type { TabProps } from "./Overview";

type Account = Omit<components["schemas"]["Account"], "orders">;

export default function BudgetTab({ dataset }: TabProps) {
  const { user } = useSession();
  return (
    <>
      {can(user.role, "ask") && <Mine id={dataset.population_id} population={dataset.population_name} />}
      {can(user.role, "seeAllBudgets") && (
        <Everyone population={dataset.population_name} id={dataset.population_id} />
      )}
    </>
  );
}

/** One's own account at the population, if there is one: asking for it by dataset would fail. */
function Mine({ id, population }: { id: string; population: string }) {
  const budget = useQuery({
    queryKey: ["budgets", "mine-at", id],
    queryFn: async ({ signal }) => {
      let cursor: string | undefined;
      do {
        // oxlint-disable-next-line no-await-in-loop -- each page says where the next begins
        const page = await unwrap(
          api.GET("/api/v1/budgets", { params: { query: { cursor, limit: 100 } }, signal }),
        );
        const found = page.items.find((each) => each.population_id === id);
        if (found) return found;
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      return null;
    },
  });
  return (
    <Section
      title="Yours"
      lead={
        <>
          One budget for every dataset about <strong>{population}</strong>: what you spend on one is
          spent on all of them.
        </>
      }
    >
      {budget.isPending ? (
        <LoadingState what="your budget" rows={3} />
      ) : budget.isError ? (
        <ErrorState error={budget.error} onRetry={() => void budget.refetch()} />
      ) : budget.data === null ? (
        <EmptyState title="You have no budget here">
          It opens when an owner gives you access to a dataset about {population}.
        </EmptyState>
      ) : (
        <div className={classes.stack}>
          <AccountBar account={budget.data.mine} label={`Your budget at ${population}`} />
          <Facts
            rows={[
              ["Your limit", `ε = ${formatEpsilon(budget.data.mine.limits.epsilon)}`],
              ["Guaranteed so far", `ε = ${formatEpsilon(budget.data.mine.epsilon_spent)}`],
              ["Charges", formatCount(budget.data.mine.charges)],
              ["Left for everyone together", formatShare(budget.data.together_share_left)],
            ]}
          />
          <p className="soft">{budget.data.mine.statement}</p>
          <p>
            <Link to="/budgets/$account" params={{ account: budget.data.mine.id }}>
              Every charge, and how it went over time
            </Link>
          </p>
        </div>
      )}
    </Section>
  );
}

const COLUMNS: DataColumn<Account>[] = [
  {
    id: "who",
    header: "Whose",
    main: true,
    cell: (row) => row.person?.name ?? "Everyone together",
  },
  {
    id: "bar",
    header: "Spent and reserved",
    width: "38%",
    cell: (row) => (
      <BudgetBar
        spent={row.share_spent - row.share_reserved}
        reserved={row.share_reserved}
        label={`Budget of ${row.person?.name ?? "everyone together"}`}
        compact
      />
    ),
  },
  {
    id: "left",
    header: "Left",
    numeric: true,
    cell: (row) => formatShare(Math.max(0, 1 - row.share_spent)),
  },
  {
    id: "limit",
    header: "Limit",
    numeric: true,
    cell: (row) => `ε = ${formatEpsilon(row.limits.epsilon)}`,
  },
  { id: "charges", header: "Charges", numeric: true, cell: (row) => formatCount(row.charges) },
];

function Everyone({ population, id }: { population: string; id: string }) {
  const accounts = useInfiniteQuery(
    cursorList(["budgets", "population", id], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/populations/{population}/accounts", {
          params: { path: { population: id }, query: { cursor } },
          signal,
        }),
      ),
    ),
  );
  return (
    <Section
      title="Everyone's"
      lead={
        <>
          The accounts at <strong>{population}</strong>. The first holds even if all who ask put
          their answers side by side; each answer is charged to it and to its asker.
        </>
      }
    >
      <DataTable
        label="accounts"
        list={accounts}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        rowLink={(row) => ({ to: "/budgets/$account", params: { account: row.id } })}
      />
    </Section>
  );
}

function AccountBar({ account, label }: { account: Account; label: string }) {
  return (
    <BudgetBar
      spent={account.share_spent - account.share_reserved}
      reserved={account.share_reserved}
      label={label}
    />
  );
}
