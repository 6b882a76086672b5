/** What the form of a program holds, and the program that it makes. Pure. */

import type { CodeRequestCreate, Environment, MockRun, Reach, RunLimits } from "@/api/code";
import type { ApiError } from "@/api/problem";
import type { CodeRequest } from "@/api/requests";
import { pythonValue, readValue, type Bound, type Scalar } from "@/lib/program";

export interface ParameterField {
  name: string;
  /** As Python writes it. */
  value: string;
  bound: "none" | "number" | "choice";
  lower: string;
  upper: string;
  whole: boolean;
  /** Separated by commas. */
  choices: string;
}

export interface DataField {
  alias: string;
  /** Its name; empty before one is chosen. */
  dataset: string;
}

/** In the units in which people think of them; empty: the environment's own. */
export interface LimitFields {
  wall: string;
  cpu: string;
  memory: string;
  output: string;
}

/** What the form of any program holds. */
export interface ProgramForm {
  files: { path: string; text: string }[];
  /** Which file it begins in. */
  begins: string;
  function: string;
  data: DataField[];
  environment: string;
  parameters: ParameterField[];
  limits: LimitFields;
  purpose: string;
  rows: string;
  /** The last run on made-up rows, and of which program it was. */
  mock: { id: string; of: string } | null;
}

/** Of a program that people approve, and how far the approval is to reach. */
export interface CodeForm extends ProgramForm {
  kind: "function" | "script";
  runs: string;
  days: string;
}

const TEMPLATE = `def work(df):
    """The mean of each column of numbers."""
    return df.mean(numeric_only=True).round(1)
`;

export const NO_LIMITS: LimitFields = { wall: "", cpu: "", memory: "", output: "" };

export const EMPTY: CodeForm = {
  files: [{ path: "analysis.py", text: TEMPLATE }],
  kind: "function",
  begins: "analysis.py",
  function: "work",
  data: [{ alias: "df", dataset: "" }],
  environment: "default",
  parameters: [],
  runs: "10",
  days: "30",
  limits: NO_LIMITS,
  purpose: "",
  rows: "1000",
  mock: null,
};

export const NEW_PARAMETER: ParameterField = {
  name: "",
  value: "",
  bound: "none",
  lower: "",
  upper: "",
  whole: true,
  choices: "",
};

/** What is wrong, by field: "files.0.path", "parameters.1.value", "data.0.dataset". */
export type Wrong = Record<string, string>;

/** What the site found wrong, at the same fields. */
export function wrongBySite(...errors: (ApiError | null)[]): Wrong {
  const wrong: Wrong = {};
  for (const { loc, message } of errors.flatMap((error) => error?.problem.errors ?? [])) {
    if (loc?.startsWith("body.")) wrong[loc.slice("body.".length)] = message;
  }
  return wrong;
}

export type Program = Omit<CodeRequestCreate, "purpose" | "reach" | "mock_run_id">;

export interface Made {
  program: Program;
  reach: Reach | null;
  wrong: Wrong;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
const PATH = /^[A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*\.py$/;
const MB = 1_000_000;

export function makeProgram(form: CodeForm, environment: Environment | undefined): Made {
  const wrong: Wrong = {};
  for (const [at, { path }] of form.files.entries()) {
    if (!PATH.test(path)) wrong[`files.${at}.path`] = "A name such as analysis.py or lib/tables.py.";
    else if (form.files.findIndex((file) => file.path === path) !== at) {
      wrong[`files.${at}.path`] = "Another file has this name.";
    }
  }
  if (form.kind === "function" && !NAME.test(form.function)) {
    wrong["function"] = "The name of a function in that file.";
  }
  const data: Record<string, string> = {};
  for (const [at, { alias, dataset }] of form.data.entries()) {
    if (!NAME.test(alias)) wrong[`data.${at}.alias`] = "A name of Python's, such as df.";
    else if (alias in data) wrong[`data.${at}.alias`] = "Another dataset has this name.";
    if (dataset === "") wrong[`data.${at}.dataset`] = "Choose a dataset.";
    data[alias] = dataset;
  }
  const { parameters, bounds } = readParameters(form.parameters, data, wrong);
  const reach = Object.keys(bounds).length > 0 ? readReach(form, bounds, wrong) : null;
  const limits = readLimits(form.limits, environment, wrong);
  return {
    program: {
      data,
      entry:
        form.kind === "function"
          ? { kind: "function", path: form.begins, name: form.function }
          : { kind: "script", path: form.begins },
      files: form.files,
      parameters,
      environment: form.environment,
      limits,
    },
    reach,
    wrong,
  };
}

function readParameters(fields: readonly ParameterField[], data: Record<string, string>, wrong: Wrong) {
  const parameters: Program["parameters"] = {};
  const bounds: Reach["bounds"] = {};
  for (const [at, field] of fields.entries()) {
    const place = `parameters.${at}`;
    if (!NAME.test(field.name)) wrong[`${place}.name`] = "A name of Python's, such as age_from.";
    else if (field.name in parameters) wrong[`${place}.name`] = "Another parameter has this name.";
    else if (field.name in data) wrong[`${place}.name`] = "A dataset has this name.";
    const value = readValue(field.value);
    if (value === undefined) {
      wrong[`${place}.value`] = 'A number, "text", True, False, None, or a list of those.';
      continue;
    }
    parameters[field.name] = value;
    const bound = readBound(field, value, place, wrong);
    if (bound) bounds[field.name] = bound;
  }
  return { parameters, bounds };
}

function readBound(field: ParameterField, value: unknown, place: string, wrong: Wrong): Bound | null {
  if (field.bound === "number") {
    const [lower, upper] = [Number(field.lower), Number(field.upper)];
    if (field.lower.trim() === "" || field.upper.trim() === "" || !(lower <= upper)) {
      wrong[`${place}.bound`] = "Two numbers, the lower one first.";
      return null;
    }
    const fits = typeof value === "number" && value >= lower && value <= upper;
    if (!fits || (field.whole && !Number.isInteger(value))) {
      wrong[`${place}.bound`] = "The value above has to lie within.";
      return null;
    }
    return { kind: "number", lower, upper, whole: field.whole };
  }
  if (field.bound === "choice") {
    const list = readValue(`[${field.choices}]`);
    if (!Array.isArray(list) || list.length === 0) {
      wrong[`${place}.bound`] = 'Values with commas between them: "a", "b".';
      return null;
    }
    if (!list.some((each: Scalar) => each === value)) {
      wrong[`${place}.bound`] = "The value above has to be among them.";
      return null;
    }
    return { kind: "choice", values: list };
  }
  return null;
}

function readReach(form: CodeForm, bounds: Reach["bounds"], wrong: Wrong): Reach {
  if (!whole(form.runs, 1000)) wrong["runs"] = "From 1 to 1000.";
  if (!whole(form.days, 365)) wrong["days"] = "From 1 to 365.";
  return { bounds, runs: Number(form.runs), days: Number(form.days) };
}

function whole(text: string, most: number): boolean {
  return /^\d{1,4}$/.test(text.trim()) && Number(text) >= 1 && Number(text) <= most;
}

/** Of a run that asks for none: its place among the runs is held until its public time. */
export const USUAL_SECONDS = 50;

/** Each field's limit, its unit in the limits' own, and what a message calls that. */
export const LIMITS: Record<keyof LimitFields, { of: keyof RunLimits; unit: number; words: string }> = {
  wall: { of: "wall_seconds", unit: 1, words: "seconds" },
  cpu: { of: "cpu_seconds", unit: 1, words: "seconds" },
  memory: { of: "memory_bytes", unit: MB, words: "MB" },
  output: { of: "output_bytes", unit: MB, words: "MB" },
};

function readLimits(
  fields: LimitFields,
  environment: Environment | undefined,
  wrong: Wrong,
): RunLimits | null {
  const lowered: Partial<RunLimits> = {};
  for (const name of Object.keys(LIMITS) as (keyof LimitFields)[]) {
    const typed = fields[name].trim();
    if (typed === "") continue;
    const { of, unit, words } = LIMITS[name];
    const value = Number(typed) * unit;
    const most = environment?.limits[of] ?? Number.POSITIVE_INFINITY;
    if (!(value > 0)) wrong[`limits.${name}`] = "A number above 0.";
    else if (value > most) wrong[`limits.${name}`] = `At most ${Math.floor(most / unit)} ${words}.`;
    else lowered[of] = unit === 1 ? value : Math.round(value);
  }
  if (Object.keys(lowered).length === 0 || environment === undefined) return null;
  const { wall_seconds: most } = environment.limits;
  return { ...environment.limits, wall_seconds: Math.min(most, USUAL_SECONDS), ...lowered };
}

/** The form that makes what was asked. `names`: of the datasets, by their ids. */
export function formOf(request: CodeRequest, names: ReadonlyMap<string, string>): CodeForm {
  const { content } = request;
  return {
    ...EMPTY,
    files: content.files.map(({ path, text }) => ({ path, text })),
    kind: content.entry.kind,
    begins: content.entry.path,
    function: content.entry.kind === "function" ? content.entry.name : "",
    data: content.data.map(({ alias, dataset_id }) => ({
      alias,
      dataset: names.get(dataset_id) ?? dataset_id,
    })),
    environment: content.environment.name,
    parameters: Object.entries(content.parameters ?? {}).map(([name, value]) =>
      parameterField(name, value, content.reach?.bounds[name]),
    ),
    runs: String(content.reach?.runs ?? EMPTY.runs),
    days: String(content.reach?.days ?? EMPTY.days),
    limits: { ...NO_LIMITS, wall: String(content.limits.wall_seconds) },
    purpose: request.purpose,
  };
}

export function parameterField(name: string, value: unknown, bound?: Bound): ParameterField {
  const field = { ...NEW_PARAMETER, name, value: pythonValue(value) };
  if (bound?.kind === "number") {
    const { lower, upper } = bound;
    return { ...field, bound: "number", lower: String(lower), upper: String(upper), whole: bound.whole };
  }
  if (bound?.kind === "choice") {
    return { ...field, bound: "choice", choices: bound.values.map(pythonValue).join(", ") };
  }
  return field;
}

/** What a run on made-up rows is of: another program or parameter, and it is of something else. */
export function sameProgram(program: Program): string {
  const { data, entry, files, parameters, environment } = program;
  return JSON.stringify({ data, entry, files, parameters, environment });
}

export interface LineError {
  path: string;
  line: number;
  message: string;
}

/** Where a run that raised came to grief: the innermost line that is the program's own. */
export function lineOfTraceback(run: MockRun, files: readonly { path: string }[]): LineError | null {
  const { report } = run;
  if (!report?.traceback) return null;
  let found: LineError | null = null;
  for (const [, where, line] of report.traceback.matchAll(/File "([^"]+)", line (\d+)/g)) {
    const file = files.find(({ path }) => where === path || where?.endsWith(`/${path}`));
    if (file) found = { path: file.path, line: Number(line), message: report.message || "It raised." };
  }
  return found;
}

