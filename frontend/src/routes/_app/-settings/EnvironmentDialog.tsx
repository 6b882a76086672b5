import { Modal, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import type { Environment, RunLimits } from "@/api/code";
import { fieldError } from "@/api/problem";
import { DialogForm } from "@/components/DialogForm";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import classes from "./Settings.module.css";

interface Field {
  of: keyof RunLimits;
  label: string;
  /** How many of the limit's own unit one of the field's is. */
  unit: number;
  least: number;
  most: number;
}

const MIB = 2 ** 20;

const FIELDS: readonly Field[] = [
  { of: "wall_seconds", label: "Seconds", unit: 1, least: 0.1, most: 86_400 },
  { of: "cpu_seconds", label: "Seconds of processor time", unit: 1, least: 0.1, most: 86_400 },
  { of: "memory_bytes", label: "Memory in MiB", unit: MIB, least: 64, most: 4_194_304 },
  { of: "processes", label: "Processes and threads", unit: 1, least: 1, most: 4096 },
  { of: "scratch_bytes", label: "Files in /tmp in MiB", unit: MIB, least: 0, most: 1_048_576 },
  { of: "output_bytes", label: "What it returns in MiB", unit: MIB, least: 0.001, most: 1024 },
  { of: "log_bytes", label: "What it prints in KiB", unit: 1024, least: 0, most: 16_384 },
];

type Fields = Record<keyof RunLimits, string> & { description: string };

function fieldsOf({ limits, description }: Environment): Fields {
  const fields = FIELDS.map(({ of, unit }) => [of, String(limits[of] / unit)]);
  return { ...(Object.fromEntries(fields) as Record<keyof RunLimits, string>), description };
}

/** What an environment says of itself, and what a run in it may take. */
export function EnvironmentDialog({
  environment,
  onClose,
}: {
  environment: Environment;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const draft = useDraft<Fields>(
    `environment:${environment.name}:${JSON.stringify(environment.limits)}`,
    fieldsOf(environment),
  );
  const fields = draft.value;
  const set = (part: Partial<Fields>) => draft.set((before) => ({ ...before, ...part }));
  const [tried, setTried] = useState(false);
  const wrong = (field: Field): string | undefined => {
    const value = Number(fields[field.of]);
    const fits = fields[field.of].trim() !== "" && value >= field.least && value <= field.most;
    const whole = field.unit !== 1 || field.of !== "processes" || Number.isInteger(value);
    return fits && whole ? undefined : `From ${field.least} to ${field.most}.`;
  };
  const { submit, busy, error } = useSubmit(async () => {
    const limits = Object.fromEntries(
      FIELDS.map(({ of, unit }) => {
        const value = Number(fields[of]) * unit;
        return [of, of.endsWith("_seconds") ? value : Math.round(value)];
      }),
    ) as unknown as RunLimits;
    await unwrap(
      api.PATCH("/api/v1/environments/{name}", {
        params: { path: { name: environment.name } },
        body: { description: fields.description.trim(), limits },
      }),
    );
    draft.clear();
    await client.invalidateQueries({ queryKey: ["environments"] });
    onClose();
  });
  return (
    <Modal opened onClose={onClose} title={`The environment ${environment.name}`} size="40rem">
      <DialogForm
        busy={busy}
        error={error}
        draft={draft}
        onClose={onClose}
        onSubmit={() => {
          setTried(true);
          return FIELDS.some((field) => wrong(field)) ? undefined : submit();
        }}
      >
        <Textarea
          label="Description"
          description="Whoever writes code reads it."
          autosize
          minRows={2}
          maxLength={2000}
          data-autofocus
          value={fields.description}
          onChange={(event) => set({ description: event.currentTarget.value })}
          error={fieldError(error, "description")}
        />
        <p className="soft">
          What one run may take at most. A request may ask for less. What was approved keeps the
          limits that were approved with it.
        </p>
        <div className={classes.limits}>
          {FIELDS.map((field) => (
            <TextInput
              key={field.of}
              label={field.label}
              inputMode="decimal"
              value={fields[field.of]}
              onChange={(event) => set({ [field.of]: event.currentTarget.value })}
              error={
                (tried ? wrong(field) : undefined) ?? fieldError(error, `limits.${field.of}`)
              }
            />
          ))}
        </div>
      </DialogForm>
    </Modal>
  );
}
