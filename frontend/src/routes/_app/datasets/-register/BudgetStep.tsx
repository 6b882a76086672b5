import { Radio, Stack } from "@mantine/core";

import { formatEpsilon } from "@/lib/format";
import { BudgetBuys } from "../-form/BudgetBuys";
import { SizeFields } from "../-form/BoundsFields";
import { populationErrors } from "../-form/budget";
import { PopulationFields } from "../-form/PopulationFields";
import { isCount, tableErrors, type TableForm } from "../-form/table";
import type { Population } from "../-page/queries";
import { takenNames } from "./form";
import classes from "./Register.module.css";
import type { StepProps } from "./Wizard";

/** Whose budget answers are charged to, and what it buys. */
export function BudgetStep({
  form,
  set,
  tried,
  populations,
}: StepProps & { populations: readonly Population[] }) {
  const table = (part: Partial<TableForm>) => set({ table: { ...form.table, ...part } });
  const errors = tableErrors(form.table);
  const units = isCount(form.table.units) ? Number(form.table.units) : null;
  const picked = populations.find((population) => population.id === form.population);
  return (
    <>
      <div className={classes.part}>
        <h3>How big it is, roughly</h3>
        <SizeFields form={form.table} set={table} errors={errors} />
      </div>
      <div className={classes.part}>
        <h3>The population</h3>
        <p className={classes.lead}>
          A population is the people that datasets are about. Datasets about the same people belong
          in the same one, as they share its budgets: two budgets for the same people would protect
          them half as well. A dataset cannot move to another population.
        </p>
        <Radio.Group
          aria-label="Population"
          value={form.population}
          onChange={(population) => set({ population })}
        >
          <Stack gap="sm">
            {populations.map((population) => (
              <Radio
                key={population.id}
                value={population.id}
                label={population.name}
                description={[
                  population.description,
                  `ε = ${formatEpsilon(population.together.epsilon)} together, ${formatEpsilon(population.each.epsilon)} for each researcher`,
                ]
                  .filter((words) => words !== "")
                  .join(" · ")}
              />
            ))}
            <Radio
              value="new"
              label="A new population"
              description="These people are in no dataset of this site yet."
            />
          </Stack>
        </Radio.Group>
      </div>
      {picked && (
        <div className={classes.part}>
          <h3>What its budgets buy when nothing of them is spent</h3>
          <p className="soft">Everyone together, ε = {formatEpsilon(picked.together.epsilon)}:</p>
          <BudgetBuys limits={picked.together} units={units} whose="everyone together" />
          <p className="soft">Each researcher, ε = {formatEpsilon(picked.each.epsilon)}:</p>
          <BudgetBuys limits={picked.each} units={units} whose="each researcher" />
        </div>
      )}
      {form.population === "new" && (
        <div className={classes.part}>
          <h3>A new population</h3>
          <PopulationFields
            form={form.newPopulation}
            set={(part) => set({ newPopulation: { ...form.newPopulation, ...part } })}
            errors={populationErrors(form.newPopulation, takenNames(form, populations))}
            tried={tried}
            units={units}
          />
        </div>
      )}
    </>
  );
}
