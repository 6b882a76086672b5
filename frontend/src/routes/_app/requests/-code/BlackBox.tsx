import type { BlackBoxRequest } from "@/api/requests";
import { FileView } from "@/components/code/FileView";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { RunEnded } from "@/components/result/RunEnded";
import { RunProgress } from "@/components/result/RunProgress";
import { Facts, Section } from "@/components/Section";
import { formatEpsilon, formatNumber, formatShare, plural } from "@/lib/format";
import { limitRows, pythonValue } from "@/lib/program";
import { programTitle } from "../-words";

/** A private black box: what leaves is a private mean or median, whatever the program does. */
export default function BlackBox({ request }: { request: BlackBoxRequest }) {
  const { run } = request;
  return (
    <>
      {run?.black_box && <Answer request={request} />}
      {run && !run.finished_at && (
        <Section title="Running" sheet>
          <RunProgress run={run} />
        </Section>
      )}
      {run?.finished_at && !run.black_box && <RunEnded run={run} />}
      <BlackBoxProgram request={request} />
    </>
  );
}

/** What is asked: the program, on how many blocks, within which bounds, at what price. */
export function BlackBoxProgram({ request }: { request: BlackBoxRequest }) {
  const { content, price } = request;
  const median = content.aggregate === "median";
  const leaves = median
    ? "a median of what the blocks return leaves, privately chosen."
    : "the mean of what the blocks return leaves with noise.";
  const parameters = Object.entries(content.parameters ?? {});
  return (
    <>
      <Section
        title="What is asked"
        lead={`The units are divided at random among blocks, the program runs on each by itself, and ${leaves} A block that fails counts as the middle.`}
        sheet
      >
        <Facts
          rows={[
            ["Runs", programTitle(content)],
            ["On", plural(content.blocks, "block")],
            ["Leaves", median ? "the median of each number" : "the mean of each number"],
            [
              "Parameters",
              parameters.map(([name, value]) => `${name} = ${pythonValue(value)}`).join(", ") || "none",
            ],
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
      </Section>
      {content.files.map((file) => (
        <FileView
          key={file.path}
          path={file.path}
          text={file.text}
          mark={file.path === content.entry.path ? "begins here" : undefined}
        />
      ))}
    </>
  );
}

interface Number {
  name: string;
  lower: number;
  upper: number;
  value: number | undefined;
  low: number | undefined;
  high: number | undefined;
  ranks: [number, number] | undefined;
}

function numbersOf({ content, run }: BlackBoxRequest): Number[] {
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

const NAME: DataColumn<Number> = {
  id: "name",
  header: "Number",
  main: true,
  cell: ({ name }) => name,
};

const BOUNDS: DataColumn<Number>[] = [
  NAME,
  { id: "lower", header: "At least", numeric: true, cell: ({ lower }) => formatNumber(lower) },
  { id: "upper", header: "At most", numeric: true, cell: ({ upper }) => formatNumber(upper) },
];

const VALUE: DataColumn<Number> = {
  id: "value",
  header: "Value",
  numeric: true,
  cell: ({ value }) => formatNumber(value ?? 0),
};

const MEANS: DataColumn<Number>[] = [
  NAME,
  VALUE,
  { id: "low", header: "From", numeric: true, cell: ({ low }) => formatNumber(low ?? 0) },
  { id: "high", header: "To", numeric: true, cell: ({ high }) => formatNumber(high ?? 0) },
];

const MEDIANS: DataColumn<Number>[] = [
  NAME,
  VALUE,
  { id: "from", header: "From rank", numeric: true, cell: ({ ranks }) => ranks?.[0] },
  { id: "to", header: "To rank", numeric: true, cell: ({ ranks }) => ranks?.[1] },
];

function Answer({ request }: { request: BlackBoxRequest }) {
  const median = request.content.aggregate === "median";
  const confidence = formatShare(request.content.confidence ?? 0.95);
  return (
    <Section title="Result" sheet>
      <DataTable
        label="values"
        columns={median ? MEDIANS : MEANS}
        rows={numbersOf(request)}
        rowKey={({ name }) => name}
      />
      <p className="soft">
        {median
          ? `Each value lies between the blocks’ values of these ranks, in ascending order, ${confidence} of the time. That covers the noise only: neither how far those are from each other, nor how far the median over blocks is from what all the data would give.`
          : `Intervals hold the mean over blocks ${confidence} of the time. They cover the noise only, not how far that mean is from what all the data would give.`}
      </p>
    </Section>
  );
}
