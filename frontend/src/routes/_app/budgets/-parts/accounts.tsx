import type { components } from "@/api/schema";
import { BudgetBar } from "@/components/BudgetBar";
import type { DataColumn } from "@/components/DataTable";
import { PersonName } from "@/components/PersonName";
import { Badge } from "@/components/StateBadge";
import { formatCount, formatEpsilon, formatShare } from "@/lib/format";
import classes from "./budgets.module.css";

type Schemas = components["schemas"];

/** The typed client reads tuples as arrays. */
export type Account = Omit<Schemas["Account"], "orders"> & {
  orders: readonly Schemas["OrderBalance"][];
};

/** From here on an account is pointed out. */
export const LOW = 0.1;

export function shareLeft(account: Account): number {
  return Math.max(0, 1 - account.share_spent);
}

export function whose(account: Account): string {
  return account.person?.name ?? "Everyone together";
}

export const ACCOUNT_COLUMNS: DataColumn<Account>[] = [
  {
    id: "whose",
    header: "Whose",
    main: true,
    cell: (account) =>
      account.person ? <PersonName person={account.person} /> : "Everyone together",
  },
  {
    id: "left",
    header: "Left",
    width: "40%",
    cell: (account) => (
      <div className={classes.left}>
        <BudgetBar
          compact
          spent={account.share_spent - account.share_reserved}
          reserved={account.share_reserved}
          label={`Budget of ${whose(account)}`}
        />
        <span>{formatShare(shareLeft(account))}</span>
      </div>
    ),
  },
  {
    id: "limit",
    header: "Limit (epsilon)",
    numeric: true,
    cell: (account) => formatEpsilon(account.limits.epsilon),
  },
  {
    id: "charges",
    header: "Charges",
    numeric: true,
    cell: (account) => formatCount(account.charges),
  },
  {
    id: "notes",
    header: "Note",
    cell: (account) => (
      <span className={classes.badges}>
        {shareLeft(account) <= LOW && (
          <Badge label={shareLeft(account) === 0 ? "Used up" : "Low"} tone="bad" icon="alert" />
        )}
        {(account.raised?.length ?? 0) > 0 && <Badge label="Raised" tone="wait" />}
        {account.unbounded_outputs > 0 && (
          <Badge label={`${formatCount(account.unbounded_outputs)} reviewed`} tone="wait" />
        )}
      </span>
    ),
  },
];

/** For one person's accounts: where each is, in place of whose. */
export const PERSON_COLUMNS: DataColumn<Account>[] = [
  { id: "population", header: "Population", main: true, cell: (account) => account.population },
  ...ACCOUNT_COLUMNS.filter(({ id }) => id !== "whose"),
];
