import { useCallback } from "react";

import { useEditBlackBox } from "@/api/blackBoxes";
import type { BlackBoxRequest } from "@/api/requests";
import { ErrorNote } from "@/components/ErrorState";
import { DraftNotice } from "@/components/FormSection";
import { Note } from "@/components/Note";
import { Terms, termsOpen } from "@/components/Terms";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { fromTarget } from "../../-ask/form";
import { PricePanel } from "../../-ask/PricePanel";
import type { Priced } from "../../-ask/usePrice";
import { BoxFields } from "../../-box/BoxFields";
import { formOf, makeBox, type BoxForm } from "../../-box/form";
import { useBox } from "../../-box/useBox";
import classes from "../../-code/Code.module.css";
import { sameProgram } from "../../-code/form";
import { SendAgain, StaleNote } from "../-EditParts";

interface Props {
  request: BlackBoxRequest;
  onDone: () => void;
}

type Edited = BoxForm & {
  /** What the fields were filled from: a later change is not overwritten unseen. */
  etag: string;
};

/** Another black box in place of what was returned; the conversation stays. */
export function BlackBoxEdit({ request, onDone }: Props) {
  const draft = useDraft<Edited>(`edit-box:${request.id}`, {
    ...formOf(request),
    etag: request.etag,
  });
  const { value: form, set } = draft;
  const change = useCallback(
    (part: Partial<Edited>) => set((before) => ({ ...before, ...part })),
    [set],
  );
  const box = useBox(form, change);
  const { dataset, made, mock, complete, tried, setTried } = box;
  const edit = useEditBlackBox();
  const sending = useSubmit(async () => {
    const { dataset: _, ...ask } = made.ask;
    const asked = makeBox(formOf(request), box.environment).program;
    const same = sameProgram(made.program) === sameProgram(asked);
    await edit.mutateAsync({
      id: request.id,
      etag: form.etag,
      change: {
        ...ask,
        purpose: form.purpose.trim(),
        // The run that came with it stays, while it is of the same program.
        ...(mock.attached || !same ? { mock_run_id: mock.attached ?? null } : {}),
      },
    });
    draft.clear();
    onDone();
  });
  const stale = form.etag !== request.etag;
  const terms = dataset !== undefined && termsOpen(dataset);
  const refusedForTerms = sending.error?.code === "terms_not_accepted";
  return (
    <form
      noValidate
      className={classes.write}
      aria-label="Edit the black box"
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (complete && !stale) void sending.submit();
      }}
    >
      <DraftNotice draft={draft} />
      {stale && <StaleNote onGoOn={() => change({ etag: request.etag })} />}
      <BoxFields
        {...box}
        form={form}
        change={change}
        wrong={box.wrongOf(sending.error)}
        onRun={box.run}
        fixed
      />
      {dataset && (
        <PricePanel
          dataset={dataset}
          priced={edited(box.priced, request.id)}
          first="Its price shows here once every field is filled."
          onUse={(target) => change(fromTarget(target))}
        >
          {terms && <Terms dataset={dataset} refused={refusedForTerms} onAccepted={sending.forget} />}
          {sending.error && !(terms && refusedForTerms) && <ErrorNote error={sending.error} />}
          {tried && !complete && (
            <Note tone="bad">Something is missing or wrong: it is said beside each field.</Note>
          )}
          <SendAgain busy={sending.busy} disabled={stale || terms} onDone={onDone} />
        </PricePanel>
      )}
    </form>
  );
}

/** People decide on what was edited, and that it asks what it asked is no earlier answer. */
function edited(priced: Priced, id: string): Priced {
  const { price } = priced;
  if (!price) return priced;
  const before = price.asked_before === id ? null : price.asked_before;
  return { ...priced, price: { ...price, approval: "review", asked_before: before } };
}
