/** A table's public description as a form: texts while they are typed, numbers once they are sent. */

import type { components } from "@/api/schema";
import type { ColumnKind, Proposal } from "../-files/propose";
import { NAME, type FoundColumn } from "../-files/read";

export type TableSchema = components["schemas"]["TableSchema"];
export type Column = TableSchema["columns"][number];

export interface ColumnForm {
  name: string;
  /** Left out: the file may have it, the site never reads it. */
  used: boolean;
  type: ColumnKind;
  lower: string;
  upper: string;
  resolution: string;
  /** One a line. */
  categories: string;
  nullable: boolean;
  description: string;
  /** Where the type and domain come from, until they are changed by hand. */
  from: "name" | "file" | "values" | "none" | "hand";
}

export interface TableForm {
  unit: string;
  rowsPerUnit: string;
  rowsPerGroup: string;
  groupsPerUnit: string;
  rows: string;
  units: string;
  columns: ColumnForm[];
}

export const KINDS: Record<ColumnKind, string> = {
  integer: "Whole number",
  real: "Number with decimals",
  boolean: "Yes or no",
  category: "One of a list",
};

export const EMPTY_TABLE: TableForm = {
  unit: "",
  rowsPerUnit: "1",
  rowsPerGroup: "1",
  groupsPerUnit: "1",
  rows: "",
  units: "",
  columns: [],
};

export function columnForm(found: FoundColumn): ColumnForm {
  return {
    name: found.name,
    used: true,
    ...domainOf(found),
    nullable: true,
    description: "",
    from: found.from,
  };
}

export function domainOf(
  proposal: Proposal,
): Pick<ColumnForm, "type" | "lower" | "upper" | "resolution" | "categories"> {
  return {
    type: proposal.type,
    lower: proposal.lower,
    upper: proposal.upper,
    resolution: proposal.resolution,
    categories: proposal.categories.join("\n"),
  };
}

export function formOf(table: TableSchema): TableForm {
  return {
    unit: table.unit_column,
    rowsPerUnit: String(table.bounds.rows_per_unit),
    rowsPerGroup: String(table.bounds.rows_per_group),
    groupsPerUnit: String(table.bounds.groups_per_unit),
    rows: String(table.size.rows),
    units: String(table.size.units),
    columns: table.columns.map((column) => ({
      name: column.name,
      used: true,
      type: column.type,
      lower: "lower" in column ? String(column.lower) : "",
      upper: "upper" in column ? String(column.upper) : "",
      resolution: column.type === "real" ? (column.resolution ?? "0.01") : "0.01",
      categories: column.type === "category" ? column.categories.join("\n") : "",
      nullable: column.nullable,
      description: column.description,
      from: "hand",
    })),
  };
}

export type ColumnErrors = Partial<Record<"name" | "lower" | "upper" | "resolution" | "categories", string>>;

const WHOLE = /^-?\d{1,16}$/;
const DECIMAL = /^-?\d{1,18}(\.\d{1,12})?$/;

/** What is wrong with one column, in words for beside its fields. */
export function columnErrors(column: ColumnForm): ColumnErrors {
  const errors: ColumnErrors = {};
  if (!column.used) return errors;
  if (!NAME.test(column.name)) errors.name = "Letters without accents, digits and _ only.";
  if (column.type === "integer") {
    for (const end of ["lower", "upper"] as const) {
      if (!WHOLE.test(column[end].trim())) errors[end] = "A whole number.";
    }
  }
  if (column.type === "real") {
    for (const end of ["lower", "upper"] as const) {
      if (!DECIMAL.test(column[end].trim())) errors[end] = "A number such as 12.5.";
    }
    if (!DECIMAL.test(column.resolution.trim()) || Number(column.resolution) <= 0) {
      errors.resolution = "A step such as 0.01.";
    } else {
      const places = decimals(column.resolution);
      for (const end of ["lower", "upper"] as const) {
        if (errors[end] === undefined && !multiple(column[end], column.resolution, places)) {
          errors[end] = `Not a multiple of ${column.resolution}.`;
        }
      }
    }
  }
  if (
    (column.type === "integer" || column.type === "real") &&
    !errors.lower &&
    !errors.upper &&
    Number(column.lower) > Number(column.upper)
  ) {
    errors.upper = "Below the smallest value.";
  }
  if (column.type === "category") {
    const values = listed(column.categories);
    if (values.length === 0) errors.categories = "List the values, one a line.";
    else if (new Set(values).size < values.length) errors.categories = "A value is listed twice.";
    else if (values.some((value) => value.length > 200)) {
      errors.categories = "A value may have 200 characters.";
    }
  }
  return errors;
}

function decimals(text: string): number {
  return text.trim().split(".")[1]?.length ?? 0;
}

function multiple(text: string, step: string, places: number): boolean {
  const digits = Math.max(places, decimals(text));
  const scaled = (value: string) => {
    const [whole = "0", part = ""] = value.trim().replace("-", "").split(".");
    return BigInt(whole + part.padEnd(digits, "0"));
  };
  return scaled(text) % scaled(step) === 0n;
}

/** The values of a list that is written one a line; spaces at the ends are kept out. */
export function listed(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

export interface TableErrors {
  unit?: string;
  columns?: string;
  bounds?: string;
  rows?: string;
  units?: string;
  byColumn: Map<string, ColumnErrors>;
}

export function tableErrors(form: TableForm, { withSize = true } = {}): TableErrors {
  const byColumn = new Map<string, ColumnErrors>();
  const used = form.columns.filter((column) => column.used && !isUnit(form, column));
  for (const column of used) {
    const errors = columnErrors(column);
    if (Object.keys(errors).length > 0) byColumn.set(column.name, errors);
  }
  const errors: TableErrors = { byColumn };
  if (form.unit === "") errors.unit = "Choose the column that says whom a row is about.";
  if (used.length === 0) errors.columns = "Keep at least one column beside the unit column.";
  if (![form.rowsPerUnit, form.rowsPerGroup, form.groupsPerUnit].every(isCount)) {
    errors.bounds = "Each of these is a whole number, 1 or more.";
  }
  if (withSize) {
    if (!isCount(form.rows)) errors.rows = "Roughly how many, as a whole number.";
    if (!isCount(form.units)) errors.units = "Roughly how many, as a whole number.";
    else if (errors.rows === undefined && Number(form.units) > Number(form.rows)) {
      errors.units = "More than there are rows.";
    }
  }
  return errors;
}

/** How many things have to be mended. */
export function countErrors({ byColumn, ...own }: TableErrors): number {
  return byColumn.size + Object.values(own).filter((error) => error !== undefined).length;
}

export function isCount(text: string): boolean {
  return /^\d{1,12}$/.test(text.trim()) && Number(text) >= 1;
}

export function isUnit(form: TableForm, column: ColumnForm): boolean {
  return column.name.toLowerCase() === form.unit.toLowerCase();
}

export function schemaOf(form: TableForm): TableSchema {
  return {
    unit_column: form.unit,
    bounds: {
      rows_per_unit: Number(form.rowsPerUnit),
      rows_per_group: Number(form.rowsPerGroup),
      groups_per_unit: Number(form.groupsPerUnit),
    },
    size: { rows: Number(form.rows), units: Number(form.units) },
    columns: form.columns.filter((column) => column.used && !isUnit(form, column)).map(columnOf),
  };
}

function columnOf(form: ColumnForm): Column {
  const common = {
    name: form.name,
    nullable: form.nullable,
    description: form.description.trim(),
  };
  switch (form.type) {
    case "integer":
      return { ...common, type: "integer", lower: Number(form.lower), upper: Number(form.upper) };
    case "real":
      return {
        ...common,
        type: "real",
        lower: form.lower.trim(),
        upper: form.upper.trim(),
        resolution: form.resolution.trim(),
      };
    case "boolean":
      return { ...common, type: "boolean" };
    case "category":
      return { ...common, type: "category", categories: listed(form.categories) };
  }
}

/** A column's public domain in words: "0 to 120", "4 values". */
export function domainWords(column: Column): string {
  switch (column.type) {
    case "integer":
      return `${column.lower} to ${column.upper}`;
    case "real":
      return `${column.lower} to ${column.upper}, in steps of ${column.resolution ?? "0.01"}`;
    case "boolean":
      return "yes, no";
    case "category":
      return column.categories.length === 1 ? "1 value" : `${column.categories.length} values`;
  }
}
