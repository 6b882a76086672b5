import { formatError, formatWithin, halfWidth, measureWords, valueOf, type Answer } from "@/lib/answer";
import { formatShare } from "@/lib/format";
import classes from "./ResultView.module.css";

/** One number, large, with its interval drawn and said. */
export function SingleValue({ answer }: { answer: Answer }) {
  const measure = answer.measures[0];
  if (!measure) return null;
  const [value, low, high] = valueOf(measure, 0);
  const error = halfWidth(measure, 0);
  const scale = error ?? Math.max(value - low, high - value);
  return (
    <div className={classes.single}>
      <p className={classes.name}>{measureWords(measure)}</p>
      <p className={classes.value}>
        <span>{formatWithin(value, scale)}</span>
        {error !== null && <span className={classes.error}>± {formatError(error)}</span>}
      </p>
      <p className="soft">
        Between {formatWithin(low, scale)} and {formatWithin(high, scale)}, with{" "}
        {formatShare(answer.confidence)} confidence.
      </p>
    </div>
  );
}
