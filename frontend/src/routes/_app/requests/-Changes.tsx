import type { QuestionRound } from "@/api/requests";
import { diffLines, diffWords, type Part } from "@/lib/diff";
import { formatShare } from "@/lib/format";
import classes from "./-Changes.module.css";
import { targetInWords } from "./-words";

interface Props {
  before: QuestionRound;
  after: QuestionRound;
}

/** What differs between two rounds of a question: purpose, question, privacy and price. */
export function Changes({ before, after }: Props) {
  const purpose = before.purpose !== after.purpose;
  const code = before.as_sql !== after.as_sql;
  const words = before.price.in_words !== after.price.in_words;
  const target = targetInWords(before.target) !== targetInWords(after.target);
  const price = formatShare(before.price.share) !== formatShare(after.price.share);
  const bounds = JSON.stringify(before.bounds) !== JSON.stringify(after.bounds);
  if (!(purpose || code || words || target || price || bounds)) {
    return <p className="soft">Nothing that is shown here differs.</p>;
  }
  return (
    <div className={classes.changes}>
      {purpose && (
        <Changed title="Purpose">
          <Prose before={before.purpose} after={after.purpose} />
        </Changed>
      )}
      {code && (
        <Changed title="SQL">
          <Lines before={before.as_sql} after={after.as_sql} />
        </Changed>
      )}
      {words && (
        <Changed title="In words">
          <Prose before={before.price.in_words} after={after.price.in_words} />
        </Changed>
      )}
      {target && (
        <Changed title="Privacy">
          <FromTo from={targetInWords(before.target)} to={targetInWords(after.target)} />
        </Changed>
      )}
      {bounds && (
        <Changed title="Bounds per person or unit">
          <FromTo from={boundsInWords(before)} to={boundsInWords(after)} />
        </Changed>
      )}
      {price && (
        <Changed title="Price, of the requester's budget">
          <FromTo from={formatShare(before.price.share)} to={formatShare(after.price.share)} />
        </Changed>
      )}
    </div>
  );
}

function boundsInWords({ bounds }: QuestionRound): string {
  return Object.entries(bounds)
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${String(value)}`)
    .join(", ");
}

export function Changed({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <div className={classes.changed}>
      <h3 className={classes.title}>{title}</h3>
      {children}
    </div>
  );
}

export function FromTo({ from, to }: { from: string; to: string }) {
  return (
    <p className="num">
      <Words
        parts={[
          { change: "removed", text: from },
          { change: "same", text: " → " },
          { change: "added", text: to },
        ]}
      />
    </p>
  );
}

/** Word by word where most stays; else the one and then the other. */
export function Prose({ before, after }: { before: string; after: string }) {
  const parts = before === "" || after === "" ? null : diffWords(before, after);
  if (parts) {
    return (
      <p className={classes.prose}>
        <Words parts={parts} />
      </p>
    );
  }
  return (
    <>
      <p className={classes.prose}>
        <Words parts={[{ change: "removed", text: before || "(nothing)" }]} />
      </p>
      <p className={classes.prose}>
        <Words parts={[{ change: "added", text: after || "(nothing)" }]} />
      </p>
    </>
  );
}

/** `del` and `ins` say to everyone what the colours say to some. */
function Words({ parts }: { parts: readonly Part[] }) {
  return parts.map((part, index) => {
    if (part.change === "removed") {
      return (
        <del key={index} className={classes.removed}>
          {part.text}
        </del>
      );
    }
    if (part.change === "added") {
      return (
        <ins key={index} className={classes.added}>
          {part.text}
        </ins>
      );
    }
    return <span key={index}>{part.text}</span>;
  });
}

const SIGNS = { same: " ", added: "+", removed: "−" };
const NAMES = { same: "", added: "added: ", removed: "removed: " };

function Lines({ before, after }: { before: string; after: string }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be reachable by keyboard
    <pre className={classes.lines} tabIndex={0} aria-label="SQL before and after">
      {diffLines(before, after).map((line, index) => (
        <code key={index} className={classes.line} data-change={line.change}>
          <span className={classes.sign} aria-hidden="true">
            {SIGNS[line.change]}
          </span>
          <span className="visually-hidden">{NAMES[line.change]}</span>
          <span>
            {line.parts.map((part, at) => (
              <span key={at} data-part={line.change === "same" ? undefined : part.change}>
                {part.text}
              </span>
            ))}
            {"\n"}
          </span>
        </code>
      ))}
    </pre>
  );
}
