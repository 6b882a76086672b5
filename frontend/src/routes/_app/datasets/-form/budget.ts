/** A population and its budgets as a form. */

import type { components } from "@/api/schema";

export type BudgetLimits = components["schemas"]["BudgetLimits"];

export interface PopulationForm {
  name: string;
  description: string;
  together: string;
  each: string;
  deltaConv: string;
  deltaAdd: string;
}

export const USUAL_POPULATION: PopulationForm = {
  name: "",
  description: "",
  together: "10",
  each: "2",
  deltaConv: "1e-6",
  deltaAdd: "1e-6",
};

export interface PopulationErrors {
  name?: string;
  together?: string;
  each?: string;
  deltaConv?: string;
  deltaAdd?: string;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

export function populationErrors(form: PopulationForm, taken: readonly string[]): PopulationErrors {
  const errors: PopulationErrors = {};
  if (!NAME.test(form.name)) {
    errors.name = "Letters without accents, digits and _; it begins with no digit.";
  } else if (taken.includes(form.name)) {
    errors.name = "There is a population of that name. Pick it from the list instead.";
  }
  for (const key of ["together", "each"] as const) {
    if (!between(form[key], 0, 1000)) errors[key] = "Above 0 and at most 1000.";
  }
  if (!between(form.deltaConv, 1e-16, 0.01)) errors.deltaConv = "From 1e-15 to 0.01.";
  const add = Number(form.deltaAdd);
  if (form.deltaAdd.trim() === "" || !(add >= 0 && add <= 0.01)) {
    errors.deltaAdd = "From 0 to 0.01.";
  }
  return errors;
}

function between(text: string, low: number, high: number): boolean {
  const value = Number(text);
  return text.trim() !== "" && value > low && value <= high;
}

/** The limits of one of the two kinds of account; null while they cannot be read. */
export function limitsOf(form: PopulationForm, which: "together" | "each"): BudgetLimits | null {
  const errors = populationErrors({ ...form, name: "any" }, []);
  if (errors[which] || errors.deltaConv || errors.deltaAdd) return null;
  return {
    epsilon: Number(form[which]),
    delta_conv: Number(form.deltaConv),
    delta_add: Number(form.deltaAdd),
  };
}
