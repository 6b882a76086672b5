import { Group, SegmentedControl, NumberInput, Stack, Text, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import type { components } from "@/api/client";
import { datasetQuery } from "@/api/datasets";
import { asApiError, type ApiError, type FieldError } from "@/api/problem";
import { priceOf, useEdit, type QuestionRequest, type Target } from "@/api/requests";
import { ErrorNote } from "@/components/ErrorState";
import { DraftNotice } from "@/components/FormSection";
import { Note } from "@/components/Note";
import { PlanInWords } from "@/components/PlanInWords";
import { SqlField } from "@/components/sql/SqlField";
import { Terms, termsOpen } from "@/components/Terms";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { SendAgain, StaleNote } from "./-EditParts";
import classes from "./-EditForm.module.css";
import { sqlOf } from "./-words";

type Price = components["schemas"]["Price"];

const NONE: readonly FieldError[] = [];

interface Fields {
  purpose: string;
  sql: string;
  kind: Target["kind"];
  amount: number | string;
  confidence: number;
  /** What the fields were filled from: a later change is not overwritten unseen. */
  etag: string;
}

/** Asks something else in place of what was returned; the conversation stays. */
export function EditForm({ request, onDone }: { request: QuestionRequest; onDone: () => void }) {
  const draft = useDraft<Fields>(`edit:${request.id}`, fieldsOf(request), 1);
  const fields = draft.value;
  const set = (change: Partial<Fields>) => draft.set((before) => ({ ...before, ...change }));
  const target = targetOf(fields);
  const edit = useEdit();
  const price = usePrice(request, fields, target);
  const dataset = useQuery({ ...datasetQuery(request.dataset), select: ({ data }) => data });
  const { submit, busy, error, forget } = useSubmit(async () => {
    if (target === null) return;
    await edit.mutateAsync({
      id: request.id,
      etag: fields.etag,
      change: {
        purpose: fields.purpose,
        target,
        // What is as it was may have been asked as a plan, and stays one.
        ...(fields.sql === sqlOf(request) ? {} : { sql: fields.sql }),
      },
    });
    draft.clear();
    onDone();
  });
  const stale = fields.etag !== request.etag;
  const terms = dataset.data !== undefined && termsOpen(dataset.data);
  const refusedForTerms = error?.code === "terms_not_accepted";
  const sendable = target !== null && fields.sql.trim() !== "" && !stale && !terms;
  const send = () => {
    if (sendable) void submit();
  };
  const refusal = price.error ?? error;
  const errors = refusal?.problem.errors.filter(({ line }) => line !== undefined) ?? NONE;
  const shownAtSql = errors.length > 0 && error?.code === "query_not_allowed";
  return (
    <form
      noValidate
      className={classes.form}
      aria-label="Edit the request"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <DraftNotice draft={draft} />
      {stale && <StaleNote onGoOn={() => set({ etag: request.etag })} />}
      <Textarea
        label="Purpose"
        description="What the answer is for. Reviewers read it first."
        autosize
        minRows={2}
        maxRows={10}
        maxLength={4000}
        value={fields.purpose}
        onChange={(event) => set({ purpose: event.currentTarget.value })}
      />
      <div className={classes.question}>
        <SqlField
          label="Question"
          value={fields.sql}
          onChange={(sql) => {
            set({ sql });
            if (error) forget();
          }}
          dataset={dataset.data}
          errors={errors}
          missing={fields.sql.trim() === "" ? "Write a question first." : undefined}
          onSubmit={send}
        />
      </div>
      <Group align="flex-end" gap="md">
        <Stack gap={4}>
          <Text component="span" size="sm" fw={500} id="privacy-kind">
            How private
          </Text>
          <SegmentedControl
            aria-labelledby="privacy-kind"
            value={fields.kind ?? "epsilon"}
            onChange={(kind) => set(startOf(kind as Target["kind"], price.data ?? request.price))}
            data={[
              { value: "epsilon", label: "By epsilon" },
              { value: "rho", label: "By rho" },
              { value: "accuracy", label: "By accuracy" },
            ]}
          />
        </Stack>
        <NumberInput
          label={LABELS[fields.kind ?? "epsilon"]}
          value={fields.amount}
          onChange={(amount) => set({ amount })}
          min={0}
          step={0.1}
          decimalScale={10}
          allowNegative={false}
          hideControls
          w="12rem"
          error={target === null ? "Give a number above 0." : undefined}
        />
      </Group>
      <section aria-label="What it would cost" className={classes.price} aria-live="polite">
        {price.error && errors.length === 0 && <ErrorNote error={price.error} />}
        {price.data && <PlanInWords price={price.data} />}
        {price.data && !price.data.affordable && (
          <Note tone="bad">A budget cannot pay for this now. Less epsilon costs less.</Note>
        )}
      </section>
      {terms && <Terms dataset={dataset.data} refused={refusedForTerms} onAccepted={forget} />}
      {error && !shownAtSql && !(terms && refusedForTerms) && <ErrorNote error={error} />}
      <SendAgain busy={busy} disabled={!sendable} onDone={onDone} />
    </form>
  );
}

const LABELS = {
  epsilon: "Epsilon",
  rho: "Rho",
  accuracy: "Within ±",
};

function fieldsOf(request: QuestionRequest): Fields {
  const target: Target = request.target ?? { kind: "epsilon", epsilon: request.price.epsilon ?? 0.1 };
  return {
    purpose: request.purpose,
    sql: sqlOf(request),
    kind: target.kind ?? "epsilon",
    amount: amountOf(target),
    confidence: target.kind === "accuracy" ? (target.confidence ?? 0.95) : 0.95,
    etag: request.etag,
  };
}

function amountOf(target: Target): number {
  if (target.kind === "rho") return target.rho;
  return target.kind === "accuracy" ? target.within : target.epsilon;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** What another way of saying it starts from: about what the question costs as it is. */
function startOf(kind: Target["kind"], price: Price): Partial<Fields> {
  if (kind === "accuracy") return { kind, amount: round(price.expected_errors[0]?.plus_minus ?? 50) };
  const epsilon = price.epsilon ?? Math.sqrt(2 * (price.rho ?? 0.005));
  return kind === "rho"
    ? { kind, amount: round(price.rho ?? (epsilon * epsilon) / 2) }
    : { kind, amount: round(epsilon) };
}

function targetOf({ kind, amount, confidence }: Fields): Target | null {
  const value = Number(amount);
  if (amount === "" || !Number.isFinite(value) || value <= 0) return null;
  if (kind === "rho") return { kind, rho: value };
  if (kind === "accuracy") return { kind, within: value, confidence };
  return { kind: "epsilon", epsilon: value };
}

/** The price of what is typed, a moment after the last key. */
function usePrice(request: QuestionRequest, fields: Fields, target: Target | null) {
  const wanted = JSON.stringify({ sql: fields.sql, target });
  const [asked] = useDebouncedValue(wanted, 400);
  const price = useQuery({
    queryKey: ["price", request.dataset_id, asked],
    queryFn: ({ signal }) => {
      const what = JSON.parse(asked) as { sql: string; target: Target };
      return priceOf({ dataset: request.dataset_id, ...what }, signal);
    },
    enabled: target !== null && fields.sql.trim() !== "",
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  });
  const error: ApiError | null = price.isError ? asApiError(price.error) : null;
  return { data: error ? null : (price.data ?? request.price), error };
}
