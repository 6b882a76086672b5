import type { RunReport } from "@/api/code";
import { CodeBlock } from "@/components/CodeBlock";
import { Facts } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { formatBytes, formatDuration } from "@/lib/format";
import classes from "./RunReportView.module.css";
import { Visible } from "./Visible";

const ENDINGS: Record<RunReport["ending"], string> = {
  returned: "Returned",
  raised: "Raised an exception",
  exited: "Exited by itself",
  wall_time: "Took too long",
  cpu_time: "Took too much processor time",
  memory: "Took too much memory",
  processes: "Began too many processes",
  output_size: "Returned too much",
  output_form: "Returned what may not leave",
  killed: "Was killed",
};

export function endingWords(ending: string): string {
  return ENDINGS[ending as RunReport["ending"]] ?? ending;
}

export function EndingBadge({ ending }: { ending: string }) {
  return ending === "returned" ? (
    <Badge label={endingWords(ending)} tone="good" icon="check" />
  ) : (
    <Badge label={endingWords(ending)} tone="bad" icon="alert" />
  );
}

/** How a run of code went: how it ended, what it took, and all that it printed. */
export function RunReportView({ report }: { report: RunReport }) {
  return (
    <div className={classes.report}>
      {report.message && (
        <p className={classes.message}>
          {endingWords(report.ending)}: <Visible text={report.message} />
        </p>
      )}
      <Facts
        rows={[
          ["Ended", report.message ? undefined : endingWords(report.ending)],
          ["Time", formatDuration(report.wall_ms)],
          ["Processor time", formatDuration(report.cpu_ms)],
          ["Memory, at most", formatBytes(report.peak_bytes)],
          ["Held by", <code key="tier">{report.tier}</code>],
        ]}
      />
      {report.traceback && <CodeBlock code={report.traceback} language="Traceback" wrap />}
      {report.stdout && <CodeBlock code={report.stdout} language="Printed (stdout)" wrap />}
      {report.stderr && <CodeBlock code={report.stderr} language="Printed (stderr)" wrap />}
      {!report.stdout && !report.stderr && <p className="soft">It printed nothing.</p>}
    </div>
  );
}
