import { formatDuration, formatEpsilon, formatShare, plural } from "@/lib/format";
import type { Schemas } from "@/api/client";
import classes from "./PlanInWords.module.css";

type Price = Schemas["Price"];

/** What a question computes and what it costs, for somebody who does not read SQL. */
export function PlanInWords({ price, brief = false }: { price: Price; brief?: boolean }) {
  return (
    <div className={classes.plan}>
      <p className={classes.words}>{price.in_words}</p>
      {!brief && (
        <ul className={classes.facts}>
          <li>{noise(price)}</li>
          <li>
            It takes {formatShare(price.share)} of the budget;{" "}
            {price.affordable
              ? `${formatShare(price.share_left_after)} would be left.`
              : "more than there was left."}
          </li>
          {price.expected_errors.map((error) => (
            <li key={error.measure}>
              <code>{error.measure}</code>
              {error.expected ? " is expected to be within " : " is within "}
              <span className="num">± {formatEpsilon(error.plus_minus)}</span> of the bounded value,
              with {formatShare(error.confidence)} confidence.
            </li>
          ))}
          <li>
            {plural(price.groups, "group")}; the answer shows after{" "}
            {formatDuration(price.deadline_ms)} whatever the data hold.
          </li>
        </ul>
      )}
    </div>
  );
}

function noise(price: Price): string {
  if (typeof price.epsilon === "number") {
    return `Noise is discrete Laplace, ε = ${formatEpsilon(price.epsilon)} in all.`;
  }
  return `Noise is discrete Gaussian, ρ = ${formatEpsilon(price.rho ?? 0)} in all.`;
}
