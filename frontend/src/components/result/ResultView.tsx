import { SegmentedControl, Select } from "@mantine/core";
import { useState } from "react";

import type { Schemas } from "@/api/client";
import { isQuestion, type Question } from "@/api/requests";
import { CopyButton } from "@/components/CopyButton";
import { IntervalChart } from "@/components/IntervalChart";
import { Note } from "@/components/Note";
import {
  answerRows,
  download,
  measureWords,
  toCsv,
  valueOf,
  type Answer,
} from "@/lib/answer";
import { formatShare, plural } from "@/lib/format";
import { asPython } from "@/lib/python";
import { Button } from "@mantine/core";
import { Icon } from "@/components/Icon";
import { ResultFacts } from "./ResultFacts";
import { ResultTable } from "./ResultTable";
import { SingleValue } from "./SingleValue";
import classes from "./ResultView.module.css";

type Request = Schemas["Request"];
type Run = Schemas["Run"];

interface Props {
  request: Request;
  /** The run as it is now; the request's own unless told. */
  run?: Run | null;
  /** Whether this was asked again, and came back at no cost. */
  reused?: boolean;
}

/** The answer to a question: numbers with their intervals, what they cost, and ways to take them
    along. Only what was released is here, so whoever may see the request may see all of it. */
export function ResultView({ request, run = request.run, reused = request.reused }: Props) {
  const answer = run?.answer;
  if (!run || !answer || !isQuestion(request)) return null;
  const single = answer.group_by.length === 0 && answer.measures.length === 1;
  return (
    <div className={classes.result}>
      {reused && (
        <Note tone="good">
          You asked exactly this before. This is the answer you were given then, and it cost nothing
          again.
        </Note>
      )}
      {single ? <SingleValue answer={answer} /> : <Several answer={answer} />}
      <p className={classes.caution}>
        Intervals hold the true value {formatShare(answer.confidence)} of the time. They cover the
        added noise only, not what limits per person, limits of columns or missing rows may have
        moved.
      </p>
      <Take request={request} answer={answer} />
      <ResultFacts request={request} run={run} reused={reused} />
    </div>
  );
}

function Several({ answer }: { answer: Answer }) {
  const [as, setAs] = useState("table");
  const [measure, setMeasure] = useState(0);
  const shown = answer.measures[measure] ?? answer.measures[0];
  const rows = answerRows(answer);
  return (
    <>
      <div className={classes.bar}>
        <SegmentedControl
          aria-label="Show the answer as"
          value={as}
          onChange={setAs}
          data={[
            { value: "table", label: "Table" },
            { value: "chart", label: "Chart" },
          ]}
        />
        {as === "chart" && answer.measures.length > 1 && (
          <Select
            aria-label="Measure"
            value={String(measure)}
            onChange={(value) => setMeasure(Number(value ?? 0))}
            data={answer.measures.map((each, at) => ({
              value: String(at),
              label: measureWords(each),
            }))}
            allowDeselect={false}
          />
        )}
        <span className={classes.count}>{plural(rows.length, "row")}</span>
      </div>
      {as === "chart" && shown ? (
        <div className={classes.sheet}>
          <IntervalChart
            measure={shown.name}
            by={answer.group_by.join(" · ") || "Group"}
            confidence={answer.confidence}
            rows={rows.map(({ at, label }) => {
              const [value, low, high] = valueOf(shown, at);
              return { label, value, low, high };
            })}
          />
        </div>
      ) : (
        <ResultTable answer={answer} />
      )}
    </>
  );
}

function Take({ request, answer }: { request: Question<Request>; answer: Answer }) {
  const name = `${request.dataset}-${request.id}`;
  const python = asPython(
    {
      dataset: request.dataset,
      sql: request.as_sql,
      target: request.target ?? { kind: "epsilon", epsilon: request.price.epsilon ?? 0.1 },
      bounds: request.content.bounds,
      purpose: request.purpose,
    },
    location.origin,
  );
  return (
    <div className={classes.take}>
      <Button
        variant="default"
        leftSection={<Icon name="download" size={16} />}
        onClick={() => download(`${name}.csv`, toCsv(answer), "text/csv")}
      >
        CSV
      </Button>
      <Button
        variant="default"
        leftSection={<Icon name="download" size={16} />}
        onClick={() =>
          download(`${name}.json`, `${JSON.stringify(answer, null, 2)}\n`, "application/json")
        }
      >
        JSON
      </Button>
      <CopyButton value={python} label="Copy as Python" />
    </div>
  );
}
