import type { CodeFinding } from "@/api/code";
import { Icon } from "@/components/Icon";
import classes from "./FindingsAt.module.css";
import { LEVEL_LOOK } from "./levels";
import { Visible } from "./Visible";

/** What reading the program found at one line. Notes stay folded: there are many. */
export function FindingsAt({ findings }: { findings: readonly CodeFinding[] }) {
  const grave = findings.filter(({ level }) => level !== "note");
  const notes = findings.filter(({ level }) => level === "note");
  return (
    <div className={classes.findings}>
      {grave.map((finding, index) => (
        <One key={index} finding={finding} />
      ))}
      {notes.length > 0 && (
        <details className={classes.notes}>
          <summary>
            {notes.length === 1 ? "1 note" : `${notes.length} notes`}{" "}
            <span className="visually-hidden">on line {notes[0]?.line}</span>
          </summary>
          {notes.map((finding, index) => (
            <One key={index} finding={finding} />
          ))}
        </details>
      )}
    </div>
  );
}

function One({ finding }: { finding: CodeFinding }) {
  const look = LEVEL_LOOK[finding.level];
  return (
    <p className={classes.one} data-tone={look.tone}>
      <Icon name={look.icon} size={16} />
      <span>
        <strong>{look.one}:</strong> <Visible text={finding.message} />{" "}
        <span className={classes.rule}>
          {finding.source === "ruff" ? `ruff ${finding.rule}` : finding.rule}
        </span>
      </span>
    </p>
  );
}
