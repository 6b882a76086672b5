import { Button, Switch, Textarea } from "@mantine/core";
import { useCallback, useEffect, useId, useRef, useState, type ReactNode } from "react";

import type { FieldError } from "@/api/problem";
import type { Schemas } from "@/api/client";
import { CopyButton } from "@/components/CopyButton";
import { ErrorNote } from "@/components/ErrorState";
import { DraftNotice } from "@/components/FormSection";
import { Note } from "@/components/Note";
import type { EditorHandle } from "@/components/editor/Editor";
import { SqlField } from "@/components/sql/SqlField";
import { Terms, termsOpen } from "@/components/Terms";
import { useDraft } from "@/hooks/useDraft";
import { useShortcuts } from "@/hooks/useShortcuts";
import { asPython } from "@/lib/python";
import { BoundsField } from "./BoundsField";
import { Columns } from "./Columns";
import { examplesOf } from "./examples";
import { EMPTY, fromTarget, targetOf, type AskForm as Form, type Dataset } from "./form";
import { PricePanel } from "./PricePanel";
import { PrivacyField } from "./PrivacyField";
import { SaveButtons } from "./SavedQueries";
import { useAsk } from "./useAsk";
import { usePrice } from "./usePrice";
import classes from "./Ask.module.css";

const NONE: readonly FieldError[] = [];

interface Props {
  dataset: Dataset;
  /** The choice of another dataset, which heads the form. */
  picker: ReactNode;
  /** What is to be put into the form; a new object each time. */
  load: Partial<Form> | null;
  onAsked: (request: Schemas["Request"]) => void;
}

/** A question to one dataset. What is typed is kept for each dataset by itself. */
export function AskForm({ dataset, picker, load, onAsked }: Props) {
  const id = useId();
  const draft = useDraft<Form>(`ask:${dataset.id}`, EMPTY);
  const { value: form, set } = draft;
  const editor = useRef<EditorHandle>(null);
  const [missing, setMissing] = useState(false);
  const change = useCallback(
    (part: Partial<Form>) => set((before) => ({ ...before, ...part })),
    [set],
  );
  useEffect(() => {
    if (load) change({ bounds: null, ...load });
  }, [load, change]);

  const priced = usePrice(dataset, form);
  const asking = useAsk(onAsked);
  const terms = termsOpen(dataset);
  const ask = () => {
    if (form.sql.trim() === "") {
      setMissing(true);
      editor.current?.focus();
      return;
    }
    setMissing(false);
    void asking.submit(dataset, form);
  };
  useShortcuts("Asking", [
    { keys: "mod+Enter", does: "Ask the question", run: ask, inFields: true },
  ]);

  const refusal = priced.error ?? asking.error;
  const errors = refusal?.problem.errors.filter(({ line }) => line !== undefined) ?? NONE;
  const atTarget = refusal?.problem.errors.find(({ loc }) => loc?.includes("target"))?.message;
  const refusedForTerms = asking.error?.code === "terms_not_accepted";
  const shownWhere = errors.length > 0 && asking.error?.code === "query_not_allowed";

  return (
    <div className={classes.layout}>
      <div className={classes.write}>
        {draft.restored && form.sql !== "" && <DraftNotice draft={draft} />}
        {picker}
        {dataset.version_id === null && (
          <Note tone="wait">
            This dataset has no data to answer from yet. You can write your question; it can be asked
            once the owner has brought the data.
          </Note>
        )}
        {!dataset.accessible && (
          <Note tone="wait">
            You were not given access to this dataset, so nothing can be asked of it. Its owner gives
            access, and a budget with it.
          </Note>
        )}
        <div className={classes.question}>
          <SqlField
            ref={editor}
            label="Question"
            tools={
              <SaveButtons
                dataset={dataset}
                form={form}
                onSaved={(saved) => change({ saved: saved.id })}
              />
            }
            value={form.sql}
            onChange={(sql) => {
              change({ sql });
              if (asking.error) asking.forget();
            }}
            dataset={dataset}
            errors={errors}
            missing={
              missing && form.sql.trim() === ""
                ? "Write a question first, or choose an example."
                : undefined
            }
            onSubmit={ask}
            hint={`${id}-hint`}
          />
          <div className={classes.examples}>
            <span className="soft" id={`${id}-hint`}>
              Counts, sums and averages, such as:
            </span>
            {examplesOf(dataset).map(({ words, sql }) => (
              <Button
                key={words}
                variant="default"
                size="compact-sm"
                fw={400}
                onClick={() => change({ sql })}
              >
                {words}
              </Button>
            ))}
          </div>
          <Columns dataset={dataset} onInsert={(text) => editor.current?.insert(text)} />
        </div>
        <PrivacyField form={form} change={change} error={atTarget} />
        <Textarea
          label="What it is for"
          description="Whoever reviews the question reads this first. It stays with the answer."
          value={form.purpose}
          onChange={(event) => change({ purpose: event.currentTarget.value })}
          autosize
          minRows={2}
          maxRows={8}
          maxLength={4000}
        />
        <details className={classes.plain} open={form.bounds !== null || form.review || undefined}>
          <summary>More settings</summary>
          <div className={classes.advanced}>
            <BoundsField dataset={dataset} form={form} change={change} />
            <Switch
              label="Have people look at it, even where the rules would approve it at once"
              checked={form.review}
              onChange={(event) => change({ review: event.currentTarget.checked })}
            />
          </div>
        </details>
      </div>
      <PricePanel
        dataset={dataset}
        priced={priced}
        onUse={(target) => {
          change(fromTarget(target));
          asking.forget();
        }}
      >
        {terms && (
          <Terms dataset={dataset} refused={refusedForTerms} onAccepted={asking.forget} />
        )}
        {asking.error && !shownWhere && !(terms && refusedForTerms) && (
          <ErrorNote error={asking.error} />
        )}
        <div className={classes.go}>
          <Button
            size="md"
            fullWidth
            loading={asking.busy}
            disabled={terms}
            onClick={ask}
            aria-describedby={terms ? `${id}-terms` : undefined}
          >
            {askWords(priced.price, form.review)}
          </Button>
          {terms ? (
            <p id={`${id}-terms`} className={classes.hint}>
              Accept the terms of use first.
            </p>
          ) : (
            <p className={classes.hint}>
              <kbd>Ctrl</kbd> + <kbd>Enter</kbd> asks too.
            </p>
          )}
          {form.sql.trim() !== "" && (
            <CopyButton
              label="Copy as Python"
              value={asPython(
                {
                  dataset: dataset.name,
                  sql: form.sql,
                  target: targetOf(form),
                  bounds: form.bounds,
                  purpose: form.purpose,
                },
                location.origin,
              )}
            />
          )}
        </div>
      </PricePanel>
    </div>
  );
}

function askWords(price: { approval: string; asked_before?: string | null } | undefined, review: boolean) {
  if (price?.asked_before) return "Show the answer";
  return review || price?.approval === "review" ? "Send for review" : "Ask";
}
