import { Stack, TextInput, Textarea } from "@mantine/core";

import { BudgetBuys } from "./BudgetBuys";
import { limitsOf, type PopulationErrors, type PopulationForm } from "./budget";
import classes from "./Fields.module.css";

interface Props {
  form: PopulationForm;
  set: (part: Partial<PopulationForm>) => void;
  errors: PopulationErrors;
  /** Errors of empty fields wait until somebody tried to go on. */
  tried: boolean;
  units: number | null;
}

/** A new population: a set of people, and its two kinds of budget. */
export function PopulationFields({ form, set, errors, tried, units }: Props) {
  return (
    <Stack gap="md">
      <TextInput
        label="Name of the population"
        description="Such as clinic_patients. It stays for good."
        value={form.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        error={tried || form.name !== "" ? errors.name : undefined}
      />
      <Textarea
        label="Who is in it"
        description="Public, and optional. Which people, from where and when."
        autosize
        minRows={2}
        maxRows={6}
        value={form.description}
        onChange={(event) => set({ description: event.currentTarget.value })}
      />
      <p className="soft">
        A budget is a number called epsilon (ε). It limits how much all the answers together can
        depend on any one unit being there: the smaller, the safer and the fewer questions. Values
        from 1 to 10 are common. It can be raised later, openly and with a reason, and never lowered.
      </p>
      <TextInput
        label="ε of everyone together"
        description="What holds even if all who ask put their answers side by side."
        inputMode="decimal"
        maw="16rem"
        value={form.together}
        onChange={(event) => set({ together: event.currentTarget.value })}
        error={errors.together}
      />
      <BudgetBuys limits={limitsOf(form, "together")} units={units} whose="everyone together" />
      <TextInput
        label="ε of each researcher"
        description="What one person gets, unless you raise it for them. Both budgets are charged for each answer."
        inputMode="decimal"
        maw="16rem"
        value={form.each}
        onChange={(event) => set({ each: event.currentTarget.value })}
        error={errors.each}
      />
      <BudgetBuys limits={limitsOf(form, "each")} units={units} whose="each researcher" />
      <details>
        <summary style={{ cursor: "pointer" }}>The two deltas (δ)</summary>
        <Stack gap="sm" pt="sm">
          <p className="soft">
            The small chance by which the guarantee may be weaker. They are fixed with the first
            charge and cannot be changed after it. One in a million is usual; below one in the number
            of units is wise.
          </p>
          <div className={classes.three}>
            <TextInput
              label="δ of the conversion"
              description="for turning the account into ε"
              value={form.deltaConv}
              onChange={(event) => set({ deltaConv: event.currentTarget.value })}
              error={errors.deltaConv}
            />
            <TextInput
              label="δ that may be spent"
              description="by questions with a threshold"
              value={form.deltaAdd}
              onChange={(event) => set({ deltaAdd: event.currentTarget.value })}
              error={errors.deltaAdd}
            />
          </div>
        </Stack>
      </details>
    </Stack>
  );
}
