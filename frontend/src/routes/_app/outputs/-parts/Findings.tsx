import type { Finding } from "@/api/code";
import { LEVEL_LOOK, LEVELS } from "@/components/code/levels";
import { Visible } from "@/components/code/Visible";
import { Icon } from "@/components/Icon";
import { plural } from "@/lib/format";
import classes from "./outputs.module.css";

const CHECKS: Record<Finding["check"], string> = {
  small_cells: "Small counts",
  dominance: "Dominance",
  differencing: "Differencing",
  unrounded: "Not rounded",
  private_rows: "Private rows",
  identifiers: "Identifiers",
  entropy: "Much in little",
  size: "Size",
  metadata: "Metadata",
};

/** What the disclosure checks found, the gravest first. */
export function FindingsOf({ findings, label }: { findings: readonly Finding[]; label: string }) {
  if (findings.length === 0) return <p className="soft">The checks found nothing here.</p>;
  const sorted = LEVELS.flatMap((level) => findings.filter((finding) => finding.level === level));
  return (
    <ul className={classes.findings} aria-label={label}>
      {sorted.map((finding, index) => {
        const look = LEVEL_LOOK[finding.level];
        const cells = finding.cells?.length ?? 0;
        return (
          <li key={index} data-tone={look.tone}>
            <Icon name={look.icon} size={18} />
            <div>
              <p>
                <strong>{CHECKS[finding.check]}</strong>
                <span className="visually-hidden"> ({look.one.toLowerCase()})</span>
              </p>
              <p>
                <Visible text={finding.message} />
              </p>
              {cells > 0 && (
                <p className={classes.cells}>
                  {plural(cells, "cell")} marked in the table{cells >= 200 && ", and perhaps more"}
                </p>
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
