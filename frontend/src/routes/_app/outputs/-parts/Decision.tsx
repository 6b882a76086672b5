import { Button, Checkbox, Radio, Stack, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useDecideOutput, type HeldOutput } from "@/api/code";
import { asApiError } from "@/api/problem";
import { useSession } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { DraftNotice } from "@/components/FormSection";
import { Note } from "@/components/Note";
import { PersonName } from "@/components/PersonName";
import { Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import type { Draft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { plural } from "@/lib/format";
import {
  AS_IT_IS,
  changeable,
  decisionOf,
  graveCells,
  isWrong,
  wrongIn,
  type DecisionForm,
  type ItemChoice,
} from "./form";
import classes from "./outputs.module.css";

interface Props {
  output: HeldOutput;
  draft: Draft<DecisionForm>;
}

const BLIND = "Votes are blind: until it is decided nobody sees another's, or that it was cast.";

/** The decision: to be made, or made. */
export function DecisionPart({ output, draft }: Props) {
  const { user } = useSession();
  const mine = output.votes.find(({ reviewer }) => reviewer.id === user.id);
  const groups = output.groups_needed ?? [];
  const rule = (
    <>
      {plural(output.votes_needed, "person has", "people have")} to let it go
      {groups.length > 0 && `, one of them from each of ${groups.join(", ")}`}; one who withholds it
      decides at once.
    </>
  );
  if (output.state !== "held") {
    return (
      <Section title="The decision" sheet>
        <Votes output={output} />
      </Section>
    );
  }
  return (
    <Section title="Your decision" lead={rule} sheet>
      {mine ? (
        <Note tone="good">
          You have voted to {mine.decision} it. {BLIND}
        </Note>
      ) : (
        <Form output={output} draft={draft} />
      )}
    </Section>
  );
}

function Votes({ output }: { output: HeldOutput }) {
  return (
    <ul className={classes.votes} aria-label="Votes">
      {output.votes.map((vote) => (
        <li key={vote.reviewer.id}>
          <span className={classes.vote}>
            <PersonName person={vote.reviewer} withInitials />
            {vote.decision === "release" ? (
              <Badge label="Let it go" tone="good" icon="check" />
            ) : (
              <Badge label="Withheld it" tone="bad" icon="stop" />
            )}
            <span className="soft">
              <Time at={vote.at} />
            </span>
          </span>
          {vote.reason && <p className={classes.reason}>{vote.reason}</p>}
        </li>
      ))}
    </ul>
  );
}

function Form({ output, draft }: Props) {
  const client = useQueryClient();
  const { value: form, set } = draft;
  const [tried, setTried] = useState(false);
  const decide = useDecideOutput(output.run_id);
  const { submit, busy, error, forget } = useSubmit(async () => {
    try {
      await decide.mutateAsync(decisionOf(form, output));
      draft.clear();
    } catch (cause) {
      // Decided meanwhile, or not what was shown: then what there is now is to be read.
      if (asApiError(cause).status === 409) {
        void client.invalidateQueries({ queryKey: ["output", output.run_id] });
      }
      throw cause;
    }
  });
  const wrong = tried ? wrongIn(form, output) : { rounds: {} as Record<string, string> };
  const edit = (part: Partial<DecisionForm>) => {
    forget();
    set((before) => ({ ...before, ...part }));
  };
  const editItem = (name: string, part: Partial<ItemChoice>) => {
    forget();
    set((before) => ({
      ...before,
      items: { ...before.items, [name]: { ...(before.items[name] ?? AS_IT_IS), ...part } },
    }));
  };
  const withholds = form.decision === "withhold";
  return (
    <form
      noValidate
      aria-label="Your decision"
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (!isWrong(wrongIn(form, output))) void submit();
      }}
    >
      <DraftNotice draft={draft} />
      <p className="soft">{BLIND}</p>
      <Radio.Group
        label="What becomes of it"
        value={form.decision}
        onChange={(value) => edit({ decision: value as DecisionForm["decision"] })}
        error={wrong.decision}
      >
        <Stack gap="sm" mt="xs">
          <Radio
            value="release"
            color="lamp"
            label="Release"
            description="Whoever asked gets it, whole or in part, as it is or changed."
          />
          <Radio
            value="withhold"
            color="lamp"
            label="Withhold"
            description="Nothing of it leaves. Say why; whoever asked will read it."
          />
        </Stack>
      </Radio.Group>
      {form.decision === "release" && output.items.length > 0 && (
        <fieldset className={classes.choices}>
          <legend>What leaves, and how</legend>
          {output.items.map(({ item }) => {
            const choice = form.items[item.name] ?? AS_IT_IS;
            const cells = graveCells(output.findings.filter((finding) => finding.item === item.name));
            return (
              <div key={item.name} className={classes.choice}>
                <Checkbox
                  label={<code>{item.name}</code>}
                  aria-label={`${item.name} leaves`}
                  checked={choice.leaves}
                  onChange={(event) => editItem(item.name, { leaves: event.currentTarget.checked })}
                />
                {choice.leaves &&
                  (changeable(item.kind) ? (
                    <>
                      <TextInput
                        label={`Round numbers of ${item.name} to multiples of`}
                        placeholder="as they are"
                        inputMode="decimal"
                        w="15rem"
                        value={choice.round}
                        onChange={(event) => editItem(item.name, { round: event.currentTarget.value })}
                        error={wrong.rounds[item.name]}
                      />
                      {item.kind === "table" && cells.length > 0 && (
                        <Checkbox
                          label={`Take out the ${plural(cells.length, "marked cell")} of ${item.name}`}
                          checked={choice.suppress}
                          onChange={(event) =>
                            editItem(item.name, { suppress: event.currentTarget.checked })
                          }
                        />
                      )}
                    </>
                  ) : (
                    <span className="soft">Leaves as it is: only tables and values can be changed.</span>
                  ))}
              </div>
            );
          })}
          {wrong.items && (
            <p className={classes.wrong} role="status">
              {wrong.items}
            </p>
          )}
        </fieldset>
      )}
      <Textarea
        label={withholds ? "Reason" : "Reason, if you like"}
        description="Whoever asked reads it."
        autosize
        minRows={2}
        maxRows={12}
        maxLength={4000}
        value={form.reason}
        onChange={(event) => edit({ reason: event.currentTarget.value })}
        error={wrong.reason}
      />
      {error && <ErrorNote error={error} />}
      <div className={classes.send}>
        <Button type="submit" color={withholds ? "brick" : "lamp"} loading={busy}>
          {withholds ? "Withhold" : form.decision === "release" ? "Release" : "Decide"}
        </Button>
        <span className="soft">
          For output <code title={output.digest}>{output.digest.slice(0, 12)}</code>, just as shown
        </span>
      </div>
    </form>
  );
}
