import type { BlackBoxRequest } from "@/api/requests";
import { CopyButton } from "@/components/CopyButton";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { RunEnded } from "@/components/result/RunEnded";
import { RunProgress } from "@/components/result/RunProgress";
import { Section } from "@/components/Section";
import { formatNumber, formatShare } from "@/lib/format";
import { boxResultAsPython } from "@/lib/python";
import { saysMore } from "../-words";
import { BlackBoxEdit } from "./BlackBoxEdit";
import { BlackBoxInWords, NAME, numbersOf, type OneNumber } from "./BlackBoxInWords";
import classes from "./code.module.css";
import { ProgramMain, type Editing } from "./ProgramMain";

/** A private black box: what leaves is a private mean or median, whatever the program does. */
export default function BlackBox({ request, ...editing }: Editing & { request: BlackBoxRequest }) {
  const { run } = request;
  const leaves =
    request.content.aggregate === "median"
      ? "a median of what the blocks return leaves, privately chosen."
      : "the mean of what the blocks return leaves with noise.";
  return (
    <>
      {run?.black_box && <Answer request={request} />}
      {run && !run.finished_at && (
        <Section title="Running" sheet>
          <RunProgress run={run} />
        </Section>
      )}
      {run?.finished_at && !run.black_box && (
        <div className={classes.note}>
          <RunEnded run={run} />
        </div>
      )}
      <ProgramMain
        request={request}
        {...editing}
        form={<BlackBoxEdit request={request} onDone={editing.onEdited} />}
      >
        <Section
          title="What is asked"
          lead={`The units are divided at random among blocks, the program runs on each by itself, and ${leaves} A block that fails counts as the middle.`}
          sheet
        >
          {saysMore(request) && <p className={classes.purpose}>{request.purpose}</p>}
          <BlackBoxInWords request={request} />
        </Section>
      </ProgramMain>
    </>
  );
}

const VALUE: DataColumn<OneNumber> = {
  id: "value",
  header: "Value",
  numeric: true,
  cell: ({ value }) => formatNumber(value ?? 0),
};

const MEANS: DataColumn<OneNumber>[] = [
  NAME,
  VALUE,
  { id: "low", header: "From", numeric: true, cell: ({ low }) => formatNumber(low ?? 0) },
  { id: "high", header: "To", numeric: true, cell: ({ high }) => formatNumber(high ?? 0) },
];

const MEDIANS: DataColumn<OneNumber>[] = [
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
      <div className={classes.files}>
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
        <div className={classes.actions}>
          <CopyButton
            value={boxResultAsPython(request.id, location.origin)}
            label="Copy as Python"
          />
        </div>
      </div>
    </Section>
  );
}
