import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { isQuestionRound, roundsQuery, type QuestionRequest } from "@/api/requests";
import { CodeBlock } from "@/components/CodeBlock";
import { PlanInWords } from "@/components/PlanInWords";
import { Section } from "@/components/Section";
import { Changes } from "./-Changes";
import { saysMore, sqlOf, targetInWords } from "./-words";
import classes from "./-Question.module.css";

interface Props {
  request: QuestionRequest;
  /** The round with which what is asked now is compared. */
  since?: number | undefined;
  onSince?: (round: number | undefined) => void;
}

/** What is asked: in words first, then as it was written; or what changed since a round. */
export function Question({ request, since, onSince }: Props) {
  const edited = (request.round ?? 1) > 1;
  const rounds = useQuery({ ...roundsQuery(request.id), enabled: edited && onSince !== undefined });
  const all = rounds.data?.filter(isQuestionRound);
  const before = all?.find((round) => round.number === since);
  const now = all?.at(-1);
  const earlier = all?.slice(0, -1) ?? [];
  return (
    <Section
      title="The question"
      sheet
      actions={
        onSince && earlier.length > 0 ? (
          <NativeSelect
            aria-label="Show the question as it is, or what changed since an earlier round"
            value={before ? String(since) : ""}
            onChange={(event) => onSince(Number(event.currentTarget.value) || undefined)}
            data={[
              { value: "", label: "As asked now" },
              ...earlier.map((round) => ({
                value: String(round.number),
                label: `Changes since round ${round.number}`,
              })),
            ]}
          />
        ) : undefined
      }
    >
      {before && now ? (
        <Changes before={before} after={now} />
      ) : (
        <div className={classes.question}>
          {saysMore(request) && <p className={classes.purpose}>{request.purpose}</p>}
          <PlanInWords price={request.price} />
          <CodeBlock code={sqlOf(request)} language="SQL" copyLabel="Copy the SQL" />
          <p className="soft">
            Asked for {request.target ? targetInWords(request.target) : "the privacy above"}, about{" "}
            <strong>{request.dataset}</strong>
            {request.sql === null ? ", as a plan from a program, which the SQL says in other words" : ""}.
          </p>
        </div>
      )}
    </Section>
  );
}
