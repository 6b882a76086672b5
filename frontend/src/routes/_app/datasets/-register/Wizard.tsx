import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import { DraftNotice } from "@/components/FormSection";
import { Icon } from "@/components/Icon";
import { Note } from "@/components/Note";
import { useDraft } from "@/hooks/useDraft";
import { populationsQuery } from "../-page/queries";
import { BudgetStep } from "./BudgetStep";
import { ColumnsStep } from "./ColumnsStep";
import { FileStep } from "./FileStep";
import { chooseFile, NEW, problemsOf, STEP_NAMES, STEPS, type Registration, type Step } from "./form";
import { PeopleStep } from "./PeopleStep";
import classes from "./Register.module.css";
import { ReviewStep } from "./ReviewStep";
import { RulesStep } from "./RulesStep";

export interface StepProps {
  form: Registration;
  set: (part: Partial<Registration>) => void;
  /** Somebody tried to leave this step: what is empty is now shown as missing. */
  tried: boolean;
}

const NONE: never[] = [];

export function Wizard({ step, onRestart }: { step: Step; onRestart: () => void }) {
  const draft = useDraft<Registration>("dataset:new", NEW, 1);
  const navigate = useNavigate();
  const populations = useQuery(populationsQuery).data ?? NONE;
  const title = useRef<HTMLHeadingElement>(null);
  const before = useRef(step);
  useEffect(() => {
    if (before.current === step) return;
    before.current = step;
    title.current?.focus();
    window.scrollTo({ top: 0 });
  }, [step]);

  const form = draft.value;
  const set = (part: Partial<Registration>) => draft.set((now) => ({ ...now, ...part }));
  const problems = problemsOf(form, populations);
  const at = STEPS.indexOf(step);
  const next = STEPS[at + 1];
  const previous = STEPS[at - 1];
  const tried = form.seen.includes(step);
  const restart = () => {
    draft.clear();
    chooseFile(null);
    onRestart();
    void navigate({ to: "/datasets/new", search: {} });
  };
  const goOn = () => {
    if (!tried) set({ seen: [...form.seen, step] });
    if (problems[step].length === 0 && next) {
      void navigate({ to: "/datasets/new", search: { step: next } });
    }
  };
  const props: StepProps = { form, set, tried };
  return (
    <>
      <DraftNotice draft={{ restored: draft.restored, clear: restart }} />
      <div className={classes.wizard}>
        <nav className={classes.nav} aria-label="Steps of registering">
          <ol className={classes.steps}>
            {STEPS.map((each, place) => (
              <li key={each}>
                <StepLink
                  step={each}
                  place={place}
                  current={each === step}
                  state={
                    form.seen.includes(each)
                      ? problems[each].length > 0
                        ? "wrong"
                        : "done"
                      : "ahead"
                  }
                />
              </li>
            ))}
          </ol>
        </nav>
        <form
          className={classes.body}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            goOn();
          }}
        >
          <h2 ref={title} tabIndex={-1}>
            {STEP_NAMES[step]}
          </h2>
          {step === "file" && <FileStep {...props} />}
          {step === "people" && <PeopleStep {...props} />}
          {step === "columns" && <ColumnsStep {...props} />}
          {step === "budget" && <BudgetStep {...props} populations={populations} />}
          {step === "rules" && <RulesStep {...props} />}
          {step === "review" && (
            <ReviewStep
              {...props}
              problems={problems}
              populations={populations}
              clear={draft.clear}
            />
          )}
          {tried && problems[step].length > 0 && (
            <div role="alert">
              <Note tone="bad">
                <ul className={classes.problems}>
                  {problems[step].map((words) => (
                    <li key={words}>{words}</li>
                  ))}
                </ul>
              </Note>
            </div>
          )}
          {step !== "review" && (
            <div className={classes.foot}>
              {previous && (
                <Button
                  variant="default"
                  component={Link}
                  to="/datasets/new"
                  search={{ step: previous } as never}
                >
                  Back
                </Button>
              )}
              <Button type="submit">Next: {next && STEP_NAMES[next].toLowerCase()}</Button>
            </div>
          )}
        </form>
      </div>
    </>
  );
}

function StepLink({
  step,
  place,
  current,
  state,
}: {
  step: Step;
  place: number;
  current: boolean;
  state: "done" | "wrong" | "ahead";
}) {
  return (
    <Link
      to="/datasets/new"
      search={{ step }}
      className={classes.step}
      data-state={state}
      aria-current={current ? "step" : undefined}
    >
      <span className={classes.mark} aria-hidden="true">
        {state === "done" && !current ? <Icon name="check" size={16} /> : state === "wrong" ? "!" : place + 1}
      </span>
      <span>
        <span className={classes.words}>{STEP_NAMES[step]}</span>
        {state === "done" && <span className="visually-hidden"> (complete)</span>}
        {state === "wrong" && <span className="visually-hidden"> (something is missing)</span>}
      </span>
    </Link>
  );
}
