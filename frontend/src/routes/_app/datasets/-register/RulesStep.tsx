import { Textarea } from "@mantine/core";

import { policyErrors } from "../-form/policy";
import { PolicyFields } from "../-form/PolicyFields";
import classes from "./Register.module.css";
import type { StepProps } from "./Wizard";

export function RulesStep({ form, set }: StepProps) {
  return (
    <>
      <p className={classes.lead}>
        What is answered without a person, and who has to say yes otherwise. You can change all of
        this later; requests that wait then keep the stricter of the two.
      </p>
      <PolicyFields
        form={form.policy}
        set={(part) => set({ policy: { ...form.policy, ...part } })}
        errors={policyErrors(form.policy)}
      />
      <div className={classes.part}>
        <h3>Terms of use</h3>
        <Textarea
          label="What everybody accepts before they ask"
          description="Plain text; leave it empty for none. When you change it, everybody has to accept anew."
          autosize
          minRows={4}
          maxRows={16}
          maxLength={20_000}
          value={form.terms}
          onChange={(event) => set({ terms: event.currentTarget.value })}
        />
      </div>
    </>
  );
}
