import { Button } from "@mantine/core";
import { useId, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

import type { CodeFinding, LineComment } from "@/api/code";
import { CopyButton } from "@/components/CopyButton";
import { plural } from "@/lib/format";
import { FindingsAt } from "./FindingsAt";
import { CommentsAt } from "./CommentsAt";
import classes from "./FileView.module.css";
import { counted, diffRows, folded, lineId, numberId, wholeRows, type Fold, type Row } from "./rows";
import type { Token } from "./highlight";
import { useHighlighted } from "./useHighlighted";
import { Visible } from "./Visible";

interface Props {
  path: string;
  /** Its text now; null when the file is gone. */
  text: string | null;
  /** Its text in the version that this is compared with; undefined shows the file whole. */
  before?: string | undefined;
  /** What stands beside the name: "begins here". */
  mark?: ReactNode;
  findings?: readonly CodeFinding[];
  comments?: readonly LineComment[];
  /** Whether findings elsewhere on the page lead to its lines. */
  anchored?: boolean;
  /** The form for a comment on a line; without it nothing can be said here. */
  renderForm?: ((line: number, close: () => void) => ReactNode) | undefined;
}

const NONE: readonly never[] = [];

/** One file to be read: its lines numbered, with what was found and said at each. */
export function FileView({
  path,
  text,
  before,
  mark,
  findings = NONE,
  comments = NONE,
  anchored = false,
  renderForm,
}: Props) {
  const [writing, setWriting] = useState<number | null>(null);
  const [unfolded, setUnfolded] = useState<ReadonlySet<number>>(new Set());
  const id = useId();
  const frame = useRef<HTMLDivElement>(null);
  const tokens = useHighlighted(text ?? "");
  const comparing = before !== undefined;
  const rows = useMemo(
    () => (comparing ? diffRows(before, text ?? "") : wholeRows(text ?? "")),
    [comparing, before, text],
  );
  const marked = useMemo(() => {
    const lines = new Set<number>();
    for (const { line } of comments) lines.add(line);
    for (const { line, level } of findings) if (level !== "note") lines.add(line);
    return lines;
  }, [comments, findings]);
  const shown: (Row | Fold)[] = useMemo(
    () => (comparing ? folded(rows, (row) => row.number !== null && marked.has(row.number)) : rows),
    [comparing, rows, marked],
  );
  const { added, removed } = counted(rows);
  const [current, setCurrent] = useState(0);

  /** Arrow keys go from line number to line number: one stop of Tab for the whole file. */
  const move = (event: KeyboardEvent) => {
    const buttons = [...(frame.current?.querySelectorAll<HTMLButtonElement>("[data-line]") ?? [])];
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    const next = to === undefined ? undefined : buttons[to];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
    setCurrent(Number(next.dataset["line"]));
  };

  const one = (row: Row) => {
    const number = row.number;
    const here = number === null ? NONE : findings.filter(({ line }) => line === number);
    const said = number === null ? NONE : comments.filter(({ line }) => line === number);
    const grave = here.some(({ level }) => level === "alarm")
      ? "alarm"
      : here.some(({ level }) => level === "warning")
        ? "warning"
        : undefined;
    return (
      <div key={`${row.old}:${number}`} className={classes.row}>
        <div
          id={anchored && number !== null ? lineId(path, number) : undefined}
          className={classes.line}
          data-change={comparing ? row.change : undefined}
          data-level={grave}
          tabIndex={-1}
        >
          {comparing && <span className={classes.old}>{row.old}</span>}
          {number !== null && renderForm ? (
            <button
              type="button"
              id={numberId(path, number)}
              className={classes.number}
              data-line={number}
              tabIndex={number === Math.max(current, firstLine(rows)) ? 0 : -1}
              aria-label={`Line ${number}: write a comment`}
              aria-expanded={writing === number}
              aria-describedby={id}
              onFocus={() => setCurrent(number)}
              onClick={() => setWriting(writing === number ? null : number)}
            >
              {number}
            </button>
          ) : (
            <span className={classes.number}>{number}</span>
          )}
          {comparing && (
            <span className={classes.sign} aria-hidden="true">
              {SIGNS[row.change]}
            </span>
          )}
          <code className={classes.code}>
            {comparing && row.change !== "same" && (
              <span className="visually-hidden">{row.change}: </span>
            )}
            {comparing && row.change !== "same" ? (
              <Parts row={row} />
            ) : (
              <Tokens tokens={number === null ? [] : (tokens[number - 1] ?? [])} />
            )}
            {"\n"}
          </code>
        </div>
        {(here.length > 0 || said.length > 0 || (number !== null && writing === number)) && (
          <div className={classes.below}>
            {here.length > 0 && <FindingsAt findings={here} />}
            {said.length > 0 && <CommentsAt comments={said} />}
            {number !== null && writing === number && renderForm?.(number, () => {
              setWriting(null);
              document.getElementById(numberId(path, number))?.focus();
            })}
          </div>
        )}
      </div>
    );
  };

  return (
    <div className={classes.file} role="group" aria-label={path}>
      <header className={classes.top}>
        <span className={classes.name}>
          <code>{path}</code>
          {mark}
        </span>
        <span className={classes.facts}>
          {comparing ? (
            text === null ? (
              "taken away"
            ) : added + removed === 0 ? (
              "unchanged"
            ) : (
              <>
                <span className={classes.plus}>{plural(added, "line")} added</span>,{" "}
                <span className={classes.minus}>{removed} removed</span>
              </>
            )
          ) : (
            plural(rows.length, "line")
          )}
          {text !== null && <CopyButton value={text} label={`Copy ${path}`} compact />}
        </span>
      </header>
      {renderForm && (
        <p id={id} className="visually-hidden">
          Arrow keys go from line to line; Enter opens a comment on one.
        </p>
      )}
      <div ref={frame} className={classes.lines} onKeyDown={move} role="presentation">
        {comparing && added + removed === 0 ? (
          <p className={classes.nothing}>Nothing changed in this file.</p>
        ) : (
          shown.map((entry) => {
            if (!("fold" in entry)) return one(entry);
            const first = entry.fold[0]?.number ?? 0;
            if (unfolded.has(first)) return entry.fold.map(one);
            return (
              <div key={`fold:${first}`} className={classes.fold}>
                <Button
                  variant="subtle"
                  size="compact-sm"
                  onClick={() => setUnfolded(new Set([...unfolded, first]))}
                >
                  Show {plural(entry.fold.length, "unchanged line")}
                </Button>
              </div>
            );
          })
        )}
      </div>
    </div>
  );
}

const SIGNS = { same: "", added: "+", removed: "−" };

function firstLine(rows: readonly Row[]): number {
  return rows.find(({ number }) => number !== null)?.number ?? 1;
}

function Tokens({ tokens }: { tokens: readonly Token[] }) {
  return tokens.map((token, index) => (
    <span key={index} data-token={token.kind || undefined}>
      <Visible text={token.text} />
    </span>
  ));
}

function Parts({ row }: { row: Row }) {
  // What stands out is what changed inside a line; a line that is new is new all over.
  const inside = row.parts.some(({ change }) => change === "same");
  return row.parts.map((part, index) => (
    <span key={index} data-part={inside && part.change !== "same" ? part.change : undefined}>
      <Visible text={part.text} />
    </span>
  ));
}
