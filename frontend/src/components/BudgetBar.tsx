import { formatShare } from "@/lib/format";
import classes from "./BudgetBar.module.css";

interface Props {
  /** Shares of the limit, 0 to 1. */
  spent: number;
  reserved?: number;
  /** What a question would take on top: shown as a part of its own. */
  price?: number;
  /** Whose budget: "Your budget at clinic". Read aloud with the figures. */
  label: string;
  /** The bar alone, where figures stand beside it. */
  compact?: boolean;
}

/** What is spent, reserved and left of one account. */
export function BudgetBar({ spent, reserved = 0, price = 0, label, compact = false }: Props) {
  const left = Math.max(0, 1 - spent - reserved - price);
  const over = spent + reserved + price > 1 + 1e-9;
  const words = [
    `${formatShare(spent)} spent`,
    reserved > 0 ? `${formatShare(reserved)} reserved` : "",
    price > 0 ? `${formatShare(price)} for this` : "",
    over ? "more than is left" : `${formatShare(left)} left`,
  ].filter((part) => part !== "");
  return (
    <div className={classes.budget} data-over={over || undefined}>
      <div className={classes.bar} role="img" aria-label={`${label}: ${words.join(", ")}`}>
        <Part kind="spent" share={spent} />
        <Part kind="reserved" share={reserved} />
        <Part kind="price" share={price} />
      </div>
      {!compact && (
        <ul className={classes.legend} aria-hidden="true">
          <Entry kind="spent" words={`${formatShare(spent)} spent`} />
          {reserved > 0 && <Entry kind="reserved" words={`${formatShare(reserved)} reserved`} />}
          {price > 0 && <Entry kind="price" words={`${formatShare(price)} for this`} />}
          <Entry kind="left" words={over ? "more than is left" : `${formatShare(left)} left`} />
        </ul>
      )}
    </div>
  );
}

function Part({ kind, share }: { kind: string; share: number }) {
  if (share <= 0) return null;
  // Something spent is never invisible.
  return (
    <span
      className={classes.part}
      data-kind={kind}
      style={{ width: `${Math.min(100, Math.max(0.6, share * 100))}%` }}
    />
  );
}

function Entry({ kind, words }: { kind: string; words: string }) {
  return (
    <li>
      <span className={classes.key} data-kind={kind} />
      {words}
    </li>
  );
}
