import { TextInput } from "@mantine/core";

import type { Environment } from "@/api/code";
import { formatBytes, formatDuration } from "@/lib/format";
import classes from "./Code.module.css";
import type { FieldProps } from "./Fields";
import { LIMITS, USUAL_SECONDS, type LimitFields } from "./form";

const LIMIT_LABELS: Record<keyof LimitFields, string> = {
  wall: "Seconds",
  cpu: "Seconds of processor time",
  memory: "Memory in MB",
  output: "MB that it returns",
};

interface Props extends FieldProps {
  environment: Environment | undefined;
}

/** Lower limits than the environment's. */
export function LimitsFields({ form, change, wrong, environment }: Props) {
  const set = Object.values(form.limits).some((value) => value !== "");
  const bad = Object.keys(wrong).some((field) => field.startsWith("limits."));
  return (
    <details className={classes.columns} open={set || bad || undefined}>
      <summary>Limits of a run</summary>
      <p className={classes.hint}>
        Left empty: the environment's, and {USUAL_SECONDS} seconds at most. A run ends to whoever asked
        at a fixed time that follows from its seconds, and holds its place until then: a lower limit
        shows sooner, and lets others run.
      </p>
      <div className={classes.fields}>
        {(Object.keys(LIMIT_LABELS) as (keyof LimitFields)[]).map((name) => (
          <LimitField
            key={name}
            name={name}
            label={LIMIT_LABELS[name]}
            form={form}
            change={change}
            wrong={wrong}
            environment={environment}
          />
        ))}
      </div>
    </details>
  );
}

interface LimitProps extends Props {
  name: keyof LimitFields;
  label: string;
}

/** One limit, with the most that the environment gives. */
export function LimitField({ name, label, form, change, wrong, environment }: LimitProps) {
  return (
    <TextInput
      label={label}
      description={environment && `At most ${mostWords(name, environment)}`}
      inputMode="decimal"
      w="13rem"
      value={form.limits[name]}
      onChange={(event) => change({ limits: { ...form.limits, [name]: event.currentTarget.value } })}
      error={wrong[`limits.${name}`]}
    />
  );
}

function mostWords(name: keyof LimitFields, { limits }: Environment): string {
  const most = limits[LIMITS[name].of];
  return LIMITS[name].unit === 1 ? formatDuration(most * 1000) : formatBytes(most);
}
