import { NumberInput, Slider, Stack } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import { BudgetBar } from "@/components/BudgetBar";
import { ErrorNote } from "@/components/ErrorState";
import { Section } from "@/components/Section";
import { formatCount, formatEpsilon } from "@/lib/format";
import type { Account } from "./accounts";
import classes from "./budgets.module.css";

const MARKS = [0.001, 0.01, 0.1, 1, 10];

/** What questions would take of the account, before anybody asks them. */
export function Simulate({ account }: { account: Account }) {
  const [power, setPower] = useState(-1);
  const [times, setTimes] = useState(10);
  const epsilon = Number((10 ** power).toPrecision(2));
  const [asked] = useDebouncedValue({ epsilon, times }, 250);
  const simulation = useQuery({
    queryKey: ["budgets", "simulation", account.id, asked],
    queryFn: ({ signal }) =>
      unwrap(
        api.POST("/api/v1/accounts/{account_id}/simulate", {
          params: { path: { account_id: account.id } },
          body: { target: { kind: "epsilon", epsilon: asked.epsilon }, times: asked.times },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
  const found = simulation.data;
  return (
    <Section
      title="What is it good for?"
      lead="Imagine counting people again and again. Nothing is asked and nothing is reserved."
      sheet
    >
      <div className={classes.simulate}>
        <Stack gap="lg">
          <div>
            <div>
              Epsilon for each: <strong>{formatEpsilon(epsilon)}</strong>
            </div>
            <Slider
              thumbLabel="Epsilon for each"
              thumbProps={{ "aria-valuetext": `epsilon ${formatEpsilon(epsilon)}` }}
              min={-3}
              max={1}
              step={0.05}
              value={power}
              onChange={setPower}
              label={null}
              marks={MARKS.map((mark) => ({ value: Math.log10(mark), label: String(mark) }))}
              mt="xs"
              mb="lg"
            />
          </div>
          <NumberInput
            label="How many"
            min={1}
            max={1_000_000}
            clampBehavior="blur"
            allowDecimal={false}
            value={times}
            onChange={(value) => setTimes(Math.min(1_000_000, Math.max(1, Number(value) || 1)))}
          />
        </Stack>
        <div className={classes.outcome} role="status" aria-live="polite">
          {simulation.isError && <ErrorNote error={simulation.error} />}
          {found && (
            <>
              <div>
                <div className={classes.outcomeFigure}>{formatCount(found.how_many)} more fit</div>
                <div className="soft">{found.in_words}</div>
              </div>
              <BudgetBar
                spent={account.share_spent - account.share_reserved}
                reserved={account.share_reserved}
                price={Math.max(0, found.share_left - found.share_left_after)}
                label={`After ${formatCount(asked.times)} of them`}
              />
              {!found.fits && (
                <div>
                  {formatCount(asked.times)} do not fit:{" "}
                  {found.limited_by === "together"
                    ? "the budget of everyone together runs out first."
                    : "this budget runs out first."}
                </div>
              )}
            </>
          )}
        </div>
      </div>
    </Section>
  );
}
