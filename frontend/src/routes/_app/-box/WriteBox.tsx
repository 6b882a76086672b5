import { Button, Switch } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useRef } from "react";

import { useSendBlackBox } from "@/api/blackBoxes";
import { ErrorNote } from "@/components/ErrorState";
import { DraftNotice } from "@/components/FormSection";
import { Note } from "@/components/Note";
import { Terms, termsOpen } from "@/components/Terms";
import { useDraft } from "@/hooks/useDraft";
import { useShortcuts } from "@/hooks/useShortcuts";
import { useSubmit } from "@/hooks/useSubmit";
import ask from "../-ask/Ask.module.css";
import { fromTarget } from "../-ask/form";
import { PricePanel } from "../-ask/PricePanel";
import classes from "../-code/Code.module.css";
import { Accuracy } from "./Accuracy";
import { BoxFields } from "./BoxFields";
import { EMPTY, type BoxForm } from "./form";
import { useBox } from "./useBox";

const FIRST =
  "Choose a dataset and give each number's bounds: the price and the noise show here before anything is asked.";

/** A new black box: written, priced, tried on made-up rows, and sent. */
export function WriteBox({ dataset: wanted }: { dataset: string | undefined }) {
  const draft = useDraft<BoxForm>("black-box", EMPTY);
  const { value: form, set } = draft;
  const change = useCallback(
    (part: Partial<BoxForm>) => set((before) => ({ ...before, ...part })),
    [set],
  );
  const came = useRef(false);
  useEffect(() => {
    // A link from a dataset's page chooses it, where nothing was chosen.
    if (came.current || wanted === undefined) return;
    came.current = true;
    set((before) =>
      before.data[0]?.dataset === "" ? { ...before, data: [{ ...before.data[0], dataset: wanted }] } : before,
    );
  }, [wanted, set]);

  const box = useBox(form, change);
  const { dataset, priced, mock, complete, tried, setTried } = box;
  const terms = dataset !== undefined && termsOpen(dataset);
  const send = useSendBlackBox();
  const navigate = useNavigate();
  const sending = useSubmit(async () => {
    const request = await send.mutateAsync({
      ...box.made.ask,
      purpose: form.purpose.trim(),
      review: form.review,
      mock_run_id: mock.attached ?? null,
    });
    draft.clear();
    await navigate({ to: "/requests/$request", params: { request: request.id } });
  });
  const purposeless = form.purpose.trim() === "";
  const wrong = box.wrongOf(sending.error, purposeless ? { purpose: "Say what it is for." } : {});
  const go = () => {
    setTried(true);
    if (complete && !purposeless) void sending.submit();
  };
  useShortcuts("Writing a black box", [
    { keys: "mod+Enter", does: "Run it on made-up rows", run: box.run, inFields: true },
  ]);
  const refusedForTerms = sending.error?.code === "terms_not_accepted";
  const button = (
    <>
      {terms && <Terms dataset={dataset} refused={refusedForTerms} onAccepted={sending.forget} />}
      {sending.error && !(terms && refusedForTerms) && <ErrorNote error={sending.error} />}
      {tried && (!complete || purposeless) && (
        <Note tone="bad">Something is missing or wrong: it is said beside each field.</Note>
      )}
      <div className={ask.go}>
        <p className={ask.hint} role="status">
          {mock.attached
            ? "Your run on made-up rows goes with it."
            : mock.run && !mock.running
              ? "Your run on made-up rows is of another version, and does not go with it."
              : "Try it on made-up rows first: whoever reviews it sees that run."}
        </p>
        <Button size="md" fullWidth loading={sending.busy} disabled={terms} onClick={go}>
          {priced.price?.asked_before
            ? "Show the answer"
            : form.review || priced.price?.approval !== "automatic"
              ? "Send for review"
              : "Ask"}
        </Button>
      </div>
    </>
  );
  return (
    <>
      <Accuracy />
      <div className={ask.layout}>
        <div className={classes.write}>
          {draft.restored && <DraftNotice draft={draft} />}
          <BoxFields {...box} form={form} change={change} wrong={wrong} onRun={box.run} />
          <Switch
            label="Have people look at it, even where the rules would approve it at once"
            checked={form.review}
            onChange={(event) => change({ review: event.currentTarget.checked })}
          />
        </div>
        {dataset ? (
          <PricePanel
            dataset={dataset}
            priced={priced}
            first={FIRST}
            onUse={(target) => change(fromTarget(target))}
          >
            {button}
          </PricePanel>
        ) : (
          <section className={ask.panel} aria-label="Price">
            <h2 className={ask.panelTitle}>What it costs</h2>
            <p className="soft">{FIRST}</p>
            {button}
          </section>
        )}
      </div>
    </>
  );
}
