import { NumberInput, SegmentedControl, Select } from "@mantine/core";
import { useId } from "react";

import { formatEpsilon } from "@/lib/format";
import type { Kind, PrivacyForm } from "./form";
import classes from "./Ask.module.css";

interface Props {
  form: PrivacyForm;
  change: (part: Partial<PrivacyForm>) => void;
  /** What the site says about the figure. */
  error?: string | undefined;
  /** What an accuracy promises, where it is not that of counts and sums. */
  accuracy?: string | undefined;
}

/** Ends of the sliders; the field beside takes whatever the site does. */
const RANGE = {
  epsilon: { low: 0.001, high: 10, least: 1e-6, most: 100 },
  rho: { low: 0.00001, high: 10, least: 1e-10, most: 1000 },
  within: { low: 1, high: 100_000, least: 1e-9, most: 1e15 },
} as const;

const WAYS: Record<Kind, { label: string; field: keyof typeof RANGE; what: string; words: string }> = {
  epsilon: {
    label: "Privacy, ε",
    field: "epsilon",
    what: "Epsilon (ε)",
    words:
      "Less is more private, costs less of your budget, and makes the answer less exact. Noise is discrete Laplace.",
  },
  rho: {
    label: "Privacy, ρ",
    field: "rho",
    what: "Rho (ρ)",
    words:
      "The same trade in another measure, cheaper where many numbers are asked at once. Noise is discrete Gaussian.",
  },
  accuracy: {
    label: "Accuracy",
    field: "within",
    what: "Within ±",
    words:
      "Say how exact each count and sum must be; the site works out the cheapest way. Averages cannot be promised.",
  },
};

const CONFIDENCES = ["0.9", "0.95", "0.99", "0.999"];

/** How private, or how exact: three ways to say it, each with a slider and a field. */
export function PrivacyField({ form, change, error, accuracy }: Props) {
  const id = useId();
  const way = WAYS[form.kind];
  const value = form[way.field];
  const range = RANGE[way.field];
  const set = (next: number) => {
    if (Number.isFinite(next) && next >= range.least && next <= range.most) {
      change({ [way.field]: next });
    }
  };
  return (
    <fieldset className={classes.fieldset}>
      <legend className={classes.legend}>How private, or how exact</legend>
      <SegmentedControl
        aria-label="Say it by"
        value={form.kind}
        onChange={(kind) => change({ kind: kind as Kind })}
        data={Object.entries(WAYS).map(([kind, { label }]) => ({ value: kind, label }))}
      />
      <div className={classes.dial}>
        <div className={classes.slide}>
          <input
            type="range"
            className={classes.slider}
            aria-label={`${way.what}, slider`}
            aria-valuetext={formatEpsilon(value)}
            aria-describedby={`${id}-words`}
            min={0}
            max={STEPS}
            step={1}
            value={toStep(value, range)}
            onChange={(event) => set(fromStep(Number(event.currentTarget.value), range))}
          />
          <div className={classes.ends} aria-hidden="true">
            <span>{form.kind === "accuracy" ? "More exact" : "More private"}</span>
            <span>{form.kind === "accuracy" ? "Cheaper" : "More exact"}</span>
          </div>
        </div>
        <NumberInput
          aria-label={way.what}
          aria-describedby={`${id}-words`}
          className={classes.figure}
          value={value}
          onChange={(next) => set(Number(next))}
          onBlur={(event) => {
            // What is out of range was never taken: show what is.
            if (Number(event.currentTarget.value) !== value) event.currentTarget.value = String(value);
          }}
          min={range.least}
          max={range.most}
          step={value / 10}
          allowNegative={false}
          decimalScale={12}
          hideControls
          error={error}
        />
        {form.kind === "accuracy" && (
          <Select
            aria-label="Confidence"
            className={classes.figure}
            value={String(form.confidence)}
            onChange={(next) => change({ confidence: Number(next ?? 0.95) })}
            data={[...new Set([...CONFIDENCES, String(form.confidence)])].map((share) => ({
              value: share,
              label: `at ${Math.round(Number(share) * 1000) / 10} %`,
            }))}
            allowDeselect={false}
          />
        )}
      </div>
      <p id={`${id}-words`} className={classes.hint}>
        {form.kind === "accuracy" ? (accuracy ?? way.words) : way.words}
      </p>
    </fieldset>
  );
}

const STEPS = 240;

/* A slider's steps are even in the logarithm: from 0.001 to 0.01 is as far as from 1 to 10. */
function toStep(value: number, { low, high }: { low: number; high: number }): number {
  const share = Math.log(value / low) / Math.log(high / low);
  return Math.round(Math.min(1, Math.max(0, share)) * STEPS);
}

function fromStep(step: number, { low, high }: { low: number; high: number }): number {
  return Number((low * (high / low) ** (step / STEPS)).toPrecision(2));
}
