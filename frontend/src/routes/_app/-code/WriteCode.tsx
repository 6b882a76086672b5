import { Button, Textarea } from "@mantine/core";
import { useQueries, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";

import { environmentsQuery, useSendCode } from "@/api/code";
import { datasetQuery } from "@/api/datasets";
import { ErrorNote } from "@/components/ErrorState";
import { DraftNotice } from "@/components/FormSection";
import { Note } from "@/components/Note";
import { Terms, termsOpen } from "@/components/Terms";
import { useDraft } from "@/hooks/useDraft";
import { useShortcuts } from "@/hooks/useShortcuts";
import { useSubmit } from "@/hooks/useSubmit";
import { plural } from "@/lib/format";
import classes from "./Code.module.css";
import { DataFields, EntryFields, EnvironmentField } from "./Fields";
import { FilesField } from "./FilesField";
import { EMPTY, makeProgram, wrongBySite, type CodeForm, type Wrong } from "./form";
import { LimitsFields } from "./LimitsFields";
import { MockResult } from "./MockResult";
import { MockStep } from "./MockStep";
import { ParameterFields, ReachFields } from "./ParameterFields";
import { useMock } from "./useMock";

/** A new program: written, tried on made-up rows, and sent for review. */
export function WriteCode({ dataset }: { dataset: string | undefined }) {
  const draft = useDraft<CodeForm>("code", EMPTY);
  const { value: form, set } = draft;
  const change = useCallback(
    (part: Partial<CodeForm>) => set((before) => ({ ...before, ...part })),
    [set],
  );
  const came = useRef(false);
  useEffect(() => {
    // A link from a dataset's page chooses it, where nothing was chosen.
    if (came.current || dataset === undefined) return;
    came.current = true;
    set((before) =>
      before.data.length === 1 && before.data[0]?.dataset === ""
        ? { ...before, data: [{ ...before.data[0], dataset }] }
        : before,
    );
  }, [dataset, set]);

  const environments = useQuery(environmentsQuery);
  const environment = environments.data?.find(({ name }) => name === form.environment);
  const made = makeProgram(form, environment);
  const [tried, setTried] = useState(false);
  const complete = Object.keys(made.wrong).length === 0;
  const mock = useMock(form, made, change);
  const wanted = useDatasets(form);
  const terms = wanted.filter(termsOpen);
  const send = useSendCode();
  const navigate = useNavigate();
  const sending = useSubmit(async () => {
    const request = await send.mutateAsync({
      ...made.program,
      purpose: form.purpose.trim(),
      reach: made.reach,
      mock_run_id: mock.attached ?? null,
    });
    draft.clear();
    await navigate({ to: "/requests/$request", params: { request: request.id } });
  });
  const wrong: Wrong = {
    ...wrongBySite(mock.start.error, sending.error),
    ...(tried ? made.wrong : {}),
  };
  const run = () => {
    setTried(true);
    if (complete) void mock.start.submit();
  };
  useShortcuts("Writing code", [
    { keys: "mod+Enter", does: "Run it on made-up rows", run, inFields: true },
  ]);
  const refusedForTerms = sending.error?.code === "terms_not_accepted";
  const fields = { form, change, wrong };
  const needed = Math.max(1, ...wanted.map(({ policy }) => policy.reviewers));
  return (
    <>
      <div className={classes.layout}>
        <div className={classes.write}>
          {draft.restored && <DraftNotice draft={draft} />}
          <FilesField {...fields} error={mock.error} onRun={run} />
          <DataFields {...fields} />
          <EntryFields {...fields} />
          <ParameterFields {...fields} bounded>
            <ReachFields {...fields} />
          </ParameterFields>
          <EnvironmentField {...fields} environments={environments.data ?? []} />
          <LimitsFields {...fields} environment={environment} />
        </div>
        <aside className={classes.panel} aria-label="Try and send">
          <MockStep form={form} change={change} mock={mock} onRun={run} />
          <section className={classes.step} aria-labelledby="send">
            <h2 id="send">Send for review</h2>
            <p className={classes.hint}>
              {plural(needed, "person has", "people have")} to read it before it runs. Then people
              look at what it returned before you get it.
            </p>
            <Textarea
              label="What it is for"
              description="Reviewers read this first."
              autosize
              minRows={3}
              maxRows={10}
              maxLength={4000}
              value={form.purpose}
              onChange={(event) => change({ purpose: event.currentTarget.value })}
              error={tried && form.purpose.trim() === "" ? "Say what it is for." : undefined}
            />
            <p className={classes.hint} role="status">
              {mock.attached
                ? "Your run on made-up rows goes with it."
                : mock.run
                  ? "Your run on made-up rows is of another version, and does not go with it."
                  : "Without a run on made-up rows it is harder to decide about."}
            </p>
            {terms.map((each) => (
              <Terms
                key={each.id}
                dataset={each}
                refused={refusedForTerms}
                onAccepted={sending.forget}
              />
            ))}
            {sending.error && !(terms.length > 0 && refusedForTerms) && (
              <ErrorNote error={sending.error} />
            )}
            {tried && !complete && (
              <Note tone="bad">Something is missing or wrong: it is said beside each field.</Note>
            )}
            <Button
              loading={sending.busy}
              disabled={terms.length > 0}
              onClick={() => {
                setTried(true);
                if (complete && form.purpose.trim() !== "") void sending.submit();
              }}
            >
              Send for review
            </Button>
          </section>
        </aside>
      </div>
      <MockResult mock={mock} />
    </>
  );
}

function useDatasets(form: CodeForm) {
  const names = [...new Set(form.data.map(({ dataset }) => dataset).filter(Boolean))];
  const found = useQueries({ queries: names.map((name) => datasetQuery(name)) });
  return found.flatMap(({ data }) => (data ? [data.data] : []));
}
