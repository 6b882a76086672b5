import { Button, Group } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";

import { requestQuery, type Decision, type RequestFull } from "@/api/requests";
import { useSession } from "@/api/session";
import { CodeBlock } from "@/components/CodeBlock";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { PlanInWords } from "@/components/PlanInWords";
import { Weigh } from "../requests/-Weigh";
import { mayVote } from "../requests/-voting";
import { saysMore, sqlOf, titleOf } from "../requests/-words";
import classes from "./-review.module.css";

interface Props {
  id: string;
  onShown: (request: RequestFull | null) => void;
  onDecide: (decision: Decision, request: RequestFull) => void;
}

/** The chosen request with all that a vote needs, beside the queue. */
export function Preview({ id, onShown, onDecide }: Props) {
  const { user } = useSession();
  const request = useQuery(requestQuery(id));
  const { data } = request;
  useEffect(() => {
    onShown(data ?? null);
    return () => onShown(null);
  }, [data, onShown]);
  return (
    <section className={classes.preview} aria-label="The chosen request">
      {request.isPending && <LoadingState what="the request" rows={8} />}
      {request.isError && !data && (
        <ErrorState error={request.error} onRetry={() => void request.refetch()} />
      )}
      {data && (
        <>
          <div className={classes.previewTop}>
            <h2>{titleOf({ ...data, in_words: data.price.in_words })}</h2>
            <Link to="/requests/$request" params={{ request: id }}>
              Open with its conversation
            </Link>
          </div>
          {(data.round ?? 1) > 1 && (
            <Note tone="info">
              Round {data.round}: it was edited.{" "}
              <Link
                to="/requests/$request"
                params={{ request: id }}
                search={{ since: String((data.round ?? 2) - 1) }}
              >
                See what changed
              </Link>
              .
            </Note>
          )}
          {saysMore(data) && <p className={classes.purpose}>{data.purpose}</p>}
          <PlanInWords price={data.price} />
          <CodeBlock code={sqlOf(data)} language="SQL" copyLabel="Copy the SQL" />
          {mayVote(data, user) ? (
            <Group gap="sm" className={classes.votes ?? ""}>
              <Button onClick={() => onDecide("approve", data)}>Approve…</Button>
              <Button variant="default" onClick={() => onDecide("return", data)}>
                Return…
              </Button>
              <Button variant="default" onClick={() => onDecide("reject", data)}>
                Reject…
              </Button>
              <span className="soft">Others do not see your vote until it is decided.</span>
            </Group>
          ) : (
            <Note tone="info">
              {data.requester.id === user.id
                ? "You asked this, so you cannot vote on it: somebody else has to."
                : data.state === "submitted"
                  ? "You have voted on this. It stays hidden from others until it is decided."
                  : "It is decided; it leaves this list in a moment."}
            </Note>
          )}
          <Weigh request={data} brief />
        </>
      )}
    </section>
  );
}
