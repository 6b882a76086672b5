import { Note } from "@/components/Note";
import classes from "./Box.module.css";

/** When a black box is worth its budget. */
export function Accuracy() {
  return (
    <div className={classes.note}>
      <Note tone="info">
        <strong>When it is accurate.</strong> It is where the function settles down on a few dozen or
        hundred people (a median, a rate, the coefficients of a small model), you know tight bounds
        from elsewhere, and there are some ten thousand people or more. Counts, sums and averages are
        far more exact as a question, and small tables, many numbers at once and extremes are beyond
        it.
      </Note>
    </div>
  );
}
