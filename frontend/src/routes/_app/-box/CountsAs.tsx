import type { MockRun } from "@/api/code";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { Note } from "@/components/Note";
import { formatNumber } from "@/lib/format";
import own from "./Box.module.css";
import { counted } from "./counts";
import { readBounds, type BoxForm } from "./form";

interface Props {
  run: MockRun;
  form: Pick<BoxForm, "numbers" | "steps">;
}

interface Row {
  name: string;
  returned: number;
  counts: number;
  /** Whether it lies outside its bounds. */
  moved: boolean;
}

const COLUMNS: DataColumn<Row>[] = [
  { id: "name", header: "Number", main: true, cell: ({ name }) => name },
  { id: "returned", header: "Returned", numeric: true, cell: ({ returned }) => formatNumber(returned) },
  { id: "counts", header: "Counts as", numeric: true, cell: ({ counts }) => formatNumber(counts) },
];

/** What a block would count as that returned this. */
export function CountsAs({ run, form }: Props) {
  const { numbers, steps } = form;
  const found = counted(run, numbers.length);
  if (found.kind === "unknown") return null;
  if (found.kind === "failed") {
    return (
      <Note tone="bad">
        <strong>A block that ends like this counts as one that failed:</strong> as the middle of the
        bounds. {found.why}
      </Note>
    );
  }
  const rows = found.numbers.map((returned, at): Row => {
    const { lower, upper } = readBounds(numbers[at] ?? { lower: "", upper: "" });
    const inside = Math.min(Math.max(returned, lower), upper);
    const point = Math.round(((inside - lower) / (upper - lower)) * steps) / steps;
    return {
      name: `Number ${at + 1}`,
      returned,
      counts: lower < upper ? lower + point * (upper - lower) : returned,
      moved: lower < upper && inside !== returned,
    };
  });
  return (
    <div className={own.counts}>
      <DataTable label="what a block counts as" columns={COLUMNS} rows={rows} rowKey={({ name }) => name} />
      {rows.some(({ moved }) => moved) && <p className="soft">What lies outside the bounds was moved to the nearer one.</p>}
    </div>
  );
}
