import { Textarea } from "@mantine/core";
import { useQueries, useQuery } from "@tanstack/react-query";
import { useCallback, useState } from "react";

import { environmentsQuery, useEditCode } from "@/api/code";
import { datasetQuery } from "@/api/datasets";
import type { CodeRequest } from "@/api/requests";
import { ErrorNote } from "@/components/ErrorState";
import { DraftNotice } from "@/components/FormSection";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { Terms, termsOpen } from "@/components/Terms";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import type { Schemas } from "@/api/client";
import classes from "../../-code/Code.module.css";
import { DataFields, EntryFields, EnvironmentField } from "../../-code/Fields";
import { FilesField } from "../../-code/FilesField";
import { formOf, makeProgram, sameProgram, wrongBySite, type CodeForm, type Wrong } from "../../-code/form";
import { LimitsFields } from "../../-code/LimitsFields";
import { MockResult } from "../../-code/MockResult";
import { MockStep } from "../../-code/MockStep";
import { ParameterFields, ReachFields } from "../../-code/ParameterFields";
import { useMock } from "../../-code/useMock";
import { SendAgain, StaleNote } from "../-EditParts";

interface Props {
  request: CodeRequest;
  onDone: () => void;
}

/** Another program in place of what was returned, in the editor; the conversation stays. */
export function CodeEdit({ request, onDone }: Props) {
  const found = useQueries({
    queries: request.content.data.map(({ dataset_id }) => datasetQuery(dataset_id)),
  });
  if (found.some(({ isPending }) => isPending)) {
    return <LoadingState what="its datasets" rows={6} />;
  }
  const datasets = found.flatMap(({ data }) => (data ? [data.data] : []));
  return <Form request={request} onDone={onDone} datasets={datasets} />;
}

type Edited = CodeForm & {
  /** What the fields were filled from: a later change is not overwritten unseen. */
  etag: string;
};

function Form({ request, onDone, datasets }: Props & { datasets: Schemas["Dataset"][] }) {
  const names = new Map(datasets.map(({ id, name }) => [id, name]));
  const draft = useDraft<Edited>(`edit-code:${request.id}`, {
    ...formOf(request, names),
    etag: request.etag,
  });
  const { value: form, set } = draft;
  const change = useCallback(
    (part: Partial<Edited>) => set((before) => ({ ...before, ...part })),
    [set],
  );
  const environments = useQuery(environmentsQuery);
  const environment = environments.data?.find(({ name }) => name === form.environment);
  const made = makeProgram(form, environment);
  const [tried, setTried] = useState(false);
  const complete = Object.keys(made.wrong).length === 0;
  const mock = useMock(form, made, change);
  const edit = useEditCode();
  const terms = datasets.filter(termsOpen);
  const sending = useSubmit(async () => {
    const { entry, files, parameters, limits } = made.program;
    const asked = sameProgram(makeProgram(formOf(request, names), environment).program);
    await edit.mutateAsync({
      id: request.id,
      etag: form.etag,
      change: {
        entry,
        files,
        parameters,
        environment: form.environment,
        ...(limits ? { limits } : {}),
        purpose: form.purpose.trim(),
        reach: made.reach,
        // The run that came with it stays, while it is of the same program.
        ...(mock.attached || sameProgram(made.program) !== asked
          ? { mock_run_id: mock.attached ?? null }
          : {}),
      },
    });
    draft.clear();
    onDone();
  });
  const stale = form.etag !== request.etag;
  const wrong: Wrong = {
    ...wrongBySite(mock.start.error, sending.error),
    ...(tried ? made.wrong : {}),
  };
  const run = () => {
    setTried(true);
    if (complete) void mock.start.submit();
  };
  const refusedForTerms = sending.error?.code === "terms_not_accepted";
  const fields = { form, change, wrong };
  return (
    <form
      noValidate
      className={classes.write}
      aria-label="Edit the program"
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (complete && !stale) void sending.submit();
      }}
    >
      <DraftNotice draft={draft} />
      {stale && <StaleNote onGoOn={() => change({ etag: request.etag })} />}
      <Textarea
        label="Purpose"
        description="What it is for. Reviewers read it first."
        autosize
        minRows={2}
        maxRows={10}
        maxLength={4000}
        value={form.purpose}
        onChange={(event) => change({ purpose: event.currentTarget.value })}
      />
      <FilesField {...fields} error={mock.error} onRun={run} />
      <DataFields {...fields} fixed />
      <EntryFields {...fields} />
      <ParameterFields {...fields} bounded>
        <ReachFields {...fields} />
      </ParameterFields>
      <EnvironmentField {...fields} environments={environments.data ?? []} />
      <LimitsFields {...fields} environment={environment} />
      <MockStep form={form} change={change} mock={mock} onRun={run} />
      <MockResult mock={mock} />
      {terms.map((each) => (
        <Terms key={each.id} dataset={each} refused={refusedForTerms} onAccepted={sending.forget} />
      ))}
      {sending.error && !(terms.length > 0 && refusedForTerms) && <ErrorNote error={sending.error} />}
      {tried && !complete && (
        <Note tone="bad">Something is missing or wrong: it is said beside each field.</Note>
      )}
      <SendAgain
        busy={sending.busy}
        disabled={stale || terms.length > 0}
        onDone={onDone}
      />
    </form>
  );
}
