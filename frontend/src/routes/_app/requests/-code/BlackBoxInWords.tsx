import type { BlackBoxRequest } from "@/api/requests";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { Facts } from "@/components/Section";
import { formatEpsilon, formatNumber, formatShare, plural } from "@/lib/format";
import { limitRows, parametersInWords } from "@/lib/program";
import { programTitle } from "../-words";
import classes from "./code.module.css";

/** What is asked: which function, on how many blocks, within which bounds, at what price. */
export function BlackBoxInWords({ request }: { request: BlackBoxRequest }) {
  const { content, price } = request;
  return (
    <div className={classes.files}>
      <Facts
        rows={[
          ["Runs", programTitle(content)],
          ["On", plural(content.blocks, "block")],
          ["Leaves", `the ${content.aggregate} of each number`],
          ["Parameters", parametersInWords(content.parameters)],
          ["Environment", content.environment.name],
          ...limitRows(content.limits),
          ["Takes of the budget", formatShare(price.share)],
          [
            "Privacy",
            price.epsilon === null ? `ρ = ${formatEpsilon(price.rho ?? 0)}` : `ε = ${formatEpsilon(price.epsilon)}`,
          ],
        ]}
      />
      <DataTable label="numbers" columns={BOUNDS} rows={numbersOf(request)} rowKey={({ name }) => name} />
    </div>
  );
}

export interface OneNumber {
  name: string;
  lower: number;
  upper: number;
  value: number | undefined;
  low: number | undefined;
  high: number | undefined;
  ranks: [number, number] | undefined;
}

/** Each number that leaves: its bounds, and its value once there is one. */
export function numbersOf({ content, run }: BlackBoxRequest): OneNumber[] {
  return content.output.lower.map((lower, place) => ({
    name: `Number ${place + 1}`,
    lower,
    upper: content.output.upper[place] ?? lower,
    value: run?.black_box?.values[place],
    low: run?.black_box?.low?.[place],
    high: run?.black_box?.high?.[place],
    ranks: run?.black_box?.ranks?.[place],
  }));
}

export const NAME: DataColumn<OneNumber> = {
  id: "name",
  header: "Number",
  main: true,
  cell: ({ name }) => name,
};

const BOUNDS: DataColumn<OneNumber>[] = [
  NAME,
  { id: "lower", header: "At least", numeric: true, cell: ({ lower }) => formatNumber(lower) },
  { id: "upper", header: "At most", numeric: true, cell: ({ upper }) => formatNumber(upper) },
];
