/** The registration of a dataset as it is filled in, step by step. */

import { useSyncExternalStore } from "react";

import type { components } from "@/api/schema";
import { populationErrors, USUAL_POPULATION, type PopulationForm } from "../-form/budget";
import { policyErrors, policyOf, USUAL_POLICY, type PolicyForm } from "../-form/policy";
import { EMPTY_TABLE, isCount, schemaOf, tableErrors, type TableForm } from "../-form/table";
import { snake } from "../-files/propose";
import { NAME, type Header } from "../-files/read";
import type { Population } from "../-page/queries";

export const STEPS = ["file", "people", "columns", "budget", "rules", "review"] as const;
export type Step = (typeof STEPS)[number];

export const STEP_NAMES: Record<Step, string> = {
  file: "The file",
  people: "Whom rows are about",
  columns: "Columns",
  budget: "Population and budget",
  rules: "Rules and terms",
  review: "Review and upload",
};

/** What is remembered of the chosen file; the file itself cannot be. */
export interface FileFacts {
  name: string;
  size: number;
  modified: number;
  header: Header;
}

export interface Registration {
  file: FileFacts | null;
  /** Without a file, columns are typed by hand and the data follows later. */
  byHand: boolean;
  name: string;
  title: string;
  description: string;
  table: TableForm;
  /** An id, or "new". */
  population: string;
  newPopulation: PopulationForm;
  policy: PolicyForm;
  terms: string;
  /** Steps that somebody has left by "Next": their empty fields are errors from then on. */
  seen: Step[];
  /** What exists already, when sending broke off between two steps. */
  madePopulation: string | null;
  madeDataset: string | null;
}

export const NEW: Registration = {
  file: null,
  byHand: false,
  name: "",
  title: "",
  description: "",
  table: EMPTY_TABLE,
  population: "",
  newPopulation: USUAL_POPULATION,
  policy: USUAL_POLICY,
  terms: "",
  seen: [],
  madePopulation: null,
  madeDataset: null,
};

export function nameFrom(fileName: string): string {
  const bare = snake(fileName.replace(/\.(csv\.gz|csv|parquet)$/i, "")).replace(/^_+|_+$/g, "");
  return (/^\d/.test(bare) ? `data_${bare}` : bare).slice(0, 63);
}

/** What keeps each step from being complete, in words. */
export function problemsOf(form: Registration, populations: readonly Population[]): Record<Step, string[]> {
  const table = tableErrors(form.table);
  const wrongColumns = table.byColumn.size;
  return {
    file: [
      ...(form.file === null && !form.byHand ? ["Choose a file."] : []),
      ...(NAME.test(form.name) ? [] : ["Give the dataset a name."]),
    ],
    people: [table.unit, table.bounds].filter((words) => words !== undefined),
    columns: [
      ...(table.columns ? [table.columns] : []),
      ...(wrongColumns > 0
        ? [wrongColumns === 1 ? "One column has to be mended." : `${wrongColumns} columns have to be mended.`]
        : []),
    ],
    budget: [
      ...(isCount(form.table.rows) ? [] : ["Say roughly how many rows there are."]),
      ...(table.units ? ["Say roughly how many units there are; no more than rows."] : []),
      ...(form.population === "" ? ["Pick a population, or describe a new one."] : []),
      ...(form.population === "new" &&
      Object.keys(populationErrors(form.newPopulation, takenNames(form, populations))).length > 0
        ? ["Complete the new population."]
        : []),
    ],
    rules: Object.keys(policyErrors(form.policy)).length > 0 ? ["Mend the rules."] : [],
    review: [],
  };
}

/** Names of populations, but for one that this form itself has made. */
export function takenNames(form: Registration, populations: readonly Population[]): string[] {
  return populations
    .filter((population) => population.id !== form.madePopulation)
    .map((population) => population.name);
}

export function complete(problems: Record<Step, string[]>): boolean {
  return STEPS.every((step) => problems[step].length === 0);
}

export function datasetOf(
  form: Registration,
  population: string,
): components["schemas"]["DatasetCreate"] {
  return {
    name: form.name,
    title: form.title.trim(),
    description: form.description.trim(),
    population,
    table: schemaOf(form.table),
    policy: policyOf(form.policy),
    terms: form.terms.trim(),
  };
}

/* The chosen file lives as long as the page does: no browser lets a site keep one. */
let chosen: File | null = null;
const listeners = new Set<() => void>();

export function chooseFile(file: File | null): void {
  chosen = file;
  for (const listener of listeners) listener();
}

export function useChosenFile(facts: FileFacts | null): File | null {
  const file = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => chosen,
  );
  return file !== null && facts !== null && sameFacts(file, facts) ? file : null;
}

export function sameFacts(file: File, facts: FileFacts): boolean {
  return (
    file.name === facts.name && file.size === facts.size && file.lastModified === facts.modified
  );
}
