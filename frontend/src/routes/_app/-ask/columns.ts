import type { Dataset } from "./form";

type Column = Dataset["table"]["columns"][number];

/** "integer, 65 to 95", for the editor's list and the table of columns. */
export function columnWords(column: Column): string {
  switch (column.type) {
    case "integer":
      return `whole number, ${column.lower} to ${column.upper}`;
    case "real":
      return `number, ${column.lower} to ${column.upper}`;
    case "boolean":
      return "true or false";
    case "category":
      return `one of ${column.categories.length} values`;
  }
}
