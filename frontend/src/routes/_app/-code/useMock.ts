import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { hasEnded, mockRunQuery, startMockRun } from "@/api/code";
import { useSubmit } from "@/hooks/useSubmit";
import { lineOfTraceback, sameProgram, type Made, type ProgramForm } from "./form";

/** The run on made-up rows that belongs to a form: started, followed, and whether it still fits. */
export function useMock(
  form: ProgramForm,
  made: Pick<Made, "program">,
  change: (part: Partial<Pick<ProgramForm, "mock">>) => void,
) {
  const run = useQuery({ ...mockRunQuery(form.mock?.id ?? ""), enabled: form.mock !== null });
  const start = useSubmit(async () => {
    const of = sameProgram(made.program);
    const started = await startMockRun({ ...made.program, rows: Number(form.rows) || 1000 });
    change({ mock: { id: started.id, of } });
  });
  const ended = run.data !== undefined && hasEnded(run.data);
  const fits = form.mock !== null && form.mock.of === sameProgram(made.program);
  const error = useMemo(
    () => (ended && run.data && fits ? lineOfTraceback(run.data, form.files) : null),
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- while it fits, the files are those of the run
    [ended, run.data, fits],
  );
  return {
    start,
    run: form.mock === null ? undefined : run.data,
    failure: form.mock === null ? null : run.error,
    running: form.mock !== null && !ended && !run.isError,
    /** Whether it is of this very program, so that it can be shown to reviewers. */
    fits,
    /** What can be sent with a request. */
    attached: ended && fits && run.data?.report ? form.mock?.id : undefined,
    error,
  };
}
