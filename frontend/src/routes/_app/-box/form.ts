/** What the form of a black box holds, and the black box that it makes. Pure. */

import type { BlackBoxAsk } from "@/api/blackBoxes";
import type { Environment } from "@/api/code";
import type { BlackBoxRequest } from "@/api/requests";
import { EMPTY as QUESTION, fromTarget, targetOf, type PrivacyForm } from "../-ask/form";
import {
  EMPTY as CODE,
  makeProgram,
  parameterField,
  type Program,
  type ProgramForm,
  type Wrong,
} from "../-code/form";

/** One of the numbers that a block returns, as far as it counts. */
export interface NumberField {
  lower: string;
  upper: string;
}

export interface BoxForm extends ProgramForm, PrivacyForm {
  blocks: string;
  aggregate: Aggregate;
  numbers: NumberField[];
  /** Into how many steps each range is divided: never typed, kept where a request has its own. */
  steps: number;
  review: boolean;
}

export type Aggregate = BlackBoxAsk["aggregate"];

/** The usual grid of each. */
export const STEPS: Record<Aggregate, number> = { mean: 2 ** 20, median: 1000 };

export const MOST_NUMBERS = 100;
const MOST_BLOCKS = 1000;
/** All blocks' slots together, and what a slot takes beside the block's own time. */
const MOST_SECONDS = 3600;
const SLOT_MARGIN_SECONDS = 1;

const TEMPLATE = `def work(df):
    """One block's rows in, one number out."""
    return df["age"].median()
`;

export const EMPTY: BoxForm = {
  ...CODE,
  files: [{ path: "analysis.py", text: TEMPLATE }],
  limits: { ...CODE.limits, wall: "10", cpu: "5" },
  rows: "100",
  kind: "epsilon",
  epsilon: 1,
  rho: 0.05,
  within: QUESTION.within,
  confidence: QUESTION.confidence,
  blocks: "100",
  aggregate: "mean",
  numbers: [{ lower: "", upper: "" }],
  steps: STEPS.mean,
  review: false,
};

export interface MadeBox {
  /** What runs, as a run on made-up rows takes it. */
  program: Program;
  ask: BlackBoxAsk;
  wrong: Wrong;
}

export function makeBox(form: BoxForm, environment: Environment | undefined): MadeBox {
  const made = makeProgram({ ...form, kind: "function", runs: CODE.runs, days: CODE.days }, environment);
  const wrong = { ...made.wrong };
  for (const limit of ["wall", "cpu"] as const) {
    if (form.limits[limit].trim() === "") wrong[`limits.${limit}`] = "A number above 0.";
  }
  const blocks = Number(form.blocks);
  if (!/^\d{1,4}$/.test(form.blocks.trim()) || blocks < 2 || blocks > MOST_BLOCKS) {
    wrong["blocks"] = `From 2 to ${MOST_BLOCKS}.`;
  } else if (blocks * (Number(form.limits.wall) + SLOT_MARGIN_SECONDS) > MOST_SECONDS) {
    wrong["blocks"] = "They run one after another, an hour at most: fewer, or less time for each.";
  }
  const bounds = form.numbers.map(readBounds);
  for (const [at, { lower, upper }] of bounds.entries()) {
    if (!Number.isFinite(lower)) wrong[`numbers.${at}.lower`] = "A number.";
    if (!Number.isFinite(upper)) wrong[`numbers.${at}.upper`] = "A number.";
    else if (lower >= upper) wrong[`numbers.${at}.upper`] = "Above the other.";
  }
  const [data] = form.data;
  const { files, parameters } = made.program;
  return {
    program: made.program,
    ask: {
      dataset: data?.dataset ?? "",
      alias: data?.alias ?? "df",
      entry: { kind: "function", path: form.begins, name: form.function },
      files,
      parameters,
      environment: form.environment,
      blocks,
      output: {
        lower: bounds.map(({ lower }) => lower),
        upper: bounds.map(({ upper }) => upper),
        steps: form.steps,
      },
      aggregate: form.aggregate,
      target: targetOf(form),
      cpu_seconds: Number(form.limits.cpu),
      wall_seconds: Number(form.limits.wall),
    },
    wrong,
  };
}

/** What is wrong with what was typed, before anything was tried: not that something is missing. */
export function wrongSoFar(form: BoxForm, wrong: Wrong): Wrong {
  const typed = (field: string): boolean => {
    const at = /^numbers\.(\d+)\./.exec(field)?.[1];
    const number = at === undefined ? undefined : form.numbers[Number(at)];
    return number ? number.lower !== "" && number.upper !== "" : /^(blocks|limits)/.test(field);
  };
  return Object.fromEntries(Object.entries(wrong).filter(([field]) => typed(field)));
}

/** NaN for what is no number. */
export function readBounds({ lower, upper }: NumberField): { lower: number; upper: number } {
  return { lower: readNumber(lower), upper: readNumber(upper) };
}

function readNumber(typed: string): number {
  return typed.trim() === "" ? Number.NaN : Number(typed);
}

/** The form that makes what was asked; without a first run on made-up rows. */
export function formOf(request: BlackBoxRequest): BoxForm {
  const { content } = request;
  const { lower, upper, steps } = content.output;
  return {
    ...EMPTY,
    files: content.files.map(({ path, text }) => ({ path, text })),
    begins: content.entry.path,
    function: content.entry.name,
    data: [{ alias: content.data.alias, dataset: request.dataset }],
    environment: content.environment.name,
    parameters: Object.entries(content.parameters).map(([name, value]) => parameterField(name, value)),
    limits: {
      ...EMPTY.limits,
      wall: String(content.limits.wall_seconds),
      cpu: String(content.limits.cpu_seconds),
    },
    purpose: request.purpose,
    ...(request.target ? fromTarget(request.target) : {}),
    blocks: String(content.blocks),
    aggregate: content.aggregate,
    numbers: lower.map((low, at) => ({ lower: String(low), upper: String(upper[at]) })),
    steps,
  };
}

/** How many of the dataset's people are in a block, as far as the owner declared. */
export function unitsInABlock(units: number, form: BoxForm): number | null {
  const blocks = Number(form.blocks);
  return blocks >= 2 ? Math.round(units / blocks) : null;
}
