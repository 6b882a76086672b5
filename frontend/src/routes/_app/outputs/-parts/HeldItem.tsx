import { useMemo } from "react";

import type { Finding, HeldOutput } from "@/api/code";
import { SiteItem } from "@/components/code/Items";
import { Note } from "@/components/Note";
import { Badge, StateBadge } from "@/components/StateBadge";
import { FindingsOf } from "./Findings";
import { AS_IT_IS, changeOf, marksOf, type ItemChoice } from "./form";
import { Preview } from "./Preview";
import classes from "./outputs.module.css";

interface Props {
  runId: string;
  held: HeldOutput["items"][number];
  findings: readonly Finding[];
  /** What the decision that is being made does with it. */
  choice: ItemChoice | undefined;
}

/** One item as the code returned it, with what the checks found beside it. */
export function HeldItem({ runId, held, findings, choice = AS_IT_IS }: Props) {
  const marks = useMemo(() => marksOf(findings, choice.suppress), [findings, choice.suppress]);
  const { item, state, released_as: left } = held;
  const own = state === "held" ? changeOf(item, choice, findings) : null;
  const change = own && (own.round_to === null || Number(own.round_to) > 0) ? own : null;
  const changed = left && left.digest !== item.digest;
  return (
    <div className={classes.held}>
      <SiteItem
        side="outputs"
        runId={runId}
        item={item}
        marks={marks}
        mark={
          state === "held" ? (
            !choice.leaves && <Badge label="Stays here" tone="quiet" icon="lock" />
          ) : (
            <StateBadge of="output" state={state} />
          )
        }
      >
        {changed && (
          <Note tone="info">
            This is what the code returned. It left changed: rounded, or with cells taken out.
          </Note>
        )}
        {change && <Preview key={JSON.stringify(change)} runId={runId} change={change} />}
      </SiteItem>
      <aside className={classes.beside} aria-label={`Checks of ${item.name}`}>
        <h4>Checks</h4>
        <FindingsOf findings={findings} label={`What the checks found in ${item.name}`} />
      </aside>
    </div>
  );
}
