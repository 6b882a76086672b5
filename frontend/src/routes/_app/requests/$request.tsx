import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import {
  isBlackBox,
  isCode,
  isProgram,
  isQuestion,
  requestQuery,
  type QuestionRequest,
  type RequestFull,
} from "@/api/requests";
import { useSession } from "@/api/session";
import { CopyButton } from "@/components/CopyButton";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { RunEnded } from "@/components/result/RunEnded";
import { ResultView } from "@/components/result/ResultView";
import { RunProgress } from "@/components/result/RunProgress";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { text } from "@/lib/search";
import { Actions } from "./-Actions";
import { EditForm } from "./-EditForm";
import { Question } from "./-Question";
import { RequestBadge } from "./-State";
import { CommentForm, Thread } from "./-Thread";
import { VotePanel } from "./-VoteForm";
import { Weigh } from "./-Weigh";
import { nextStep, titleOf, wordsOf } from "./-words";
import classes from "./-request.module.css";

/** What the address says; a link may leave any of it out. */
interface Shown {
  since?: string | undefined;
}

export const Route = createFileRoute("/_app/requests/$request")({
  validateSearch: (search: Record<string, unknown>): Shown => ({ since: text(search["since"]) }),
  component: RequestPage,
});

// Code is read with its colours, written in an editor: only where there is code.
const CodeMain = lazy(() => import("./-code/CodeMain"));
const BlackBox = lazy(() => import("./-code/BlackBox"));
const FoundList = lazy(() => import("./-code/FoundList"));

/** What somebody asked of a dataset. */
const ASKED = { query: "", code: "to run code on ", black_box: "for a black box of " };

/** How often a run on its way is looked at: its end is told by an event, its progress is not. */
const LOOK_MS = 1000;

function RequestPage() {
  const { request: id } = Route.useParams();
  const request = useQuery({
    ...requestQuery(id),
    refetchInterval: ({ state }) =>
      state.data?.run && !state.data.run.finished_at ? LOOK_MS : false,
  });
  if (request.isPending) {
    return (
      <>
        <PageHeader title="Request" />
        <LoadingState what="the request" rows={9} />
      </>
    );
  }
  if (!request.data) {
    return (
      <>
        <PageHeader title="Request" />
        <ErrorState error={request.error} onRetry={() => void request.refetch()} />
      </>
    );
  }
  // Another request is another page: nothing typed for one may be sent for the other.
  return <Conversation key={id} request={request.data} />;
}

function Conversation({ request }: { request: RequestFull }) {
  const { user } = useSession();
  const [editing, setEditing] = useState(false);
  const mine = request.requester.id === user.id;
  const { run } = request;
  const title = titleOf({ ...request, in_words: wordsOf(request) });
  const next = nextStep(request, mine);
  const edits = { editing, onEdit: () => setEditing(true), onEdited: () => setEditing(false) };
  return (
    <>
      <PageHeader
        title={title}
        documentTitle={title}
        badge={<RequestBadge state={request.state} runState={run?.state ?? null} output={run?.output} />}
        eyebrow={
          <span className={classes.eyebrow}>
            Request <code>{request.id}</code>
            <CopyButton value={request.id} label="Copy the request's id" compact />
          </span>
        }
        lead={
          <>
            {mine ? "You" : request.requester.name} asked {ASKED[request.kind]}
            <Link to="/datasets/$dataset" params={{ dataset: request.dataset }}>
              {request.dataset}
            </Link>{" "}
            <Time at={request.created_at} />
            {(request.round ?? 1) > 1 && `, now in round ${request.round}`}. {next}
          </>
        }
        actions={<Actions request={request} editing={editing} onEdit={() => setEditing(true)} />}
      />
      <div className={classes.page}>
        <div className={classes.main}>
          <Suspense fallback={<LoadingState what="the program" rows={9} />}>
            {isCode(request) && <CodeMain request={request} {...edits} />}
            {isBlackBox(request) && <BlackBox request={request} {...edits} />}
          </Suspense>
          {isQuestion(request) && (
            <QuestionMain request={request} editing={editing} onEdit={setEditing} />
          )}
        </div>
        <aside className={classes.side} aria-label="What to weigh">
          {isProgram(request) && !editing && (
            <Suspense fallback={null}>
              <FoundList request={request} />
            </Suspense>
          )}
          <Weigh request={request} />
        </aside>
        <div className={classes.talk}>
          <Section title="Conversation">
            <Thread request={request} />
            <div className={classes.below}>
              <VotePanel request={request} />
              <CommentForm request={request} />
            </div>
          </Section>
        </div>
      </div>
    </>
  );
}

interface QuestionProps {
  request: QuestionRequest;
  editing: boolean;
  onEdit: (editing: boolean) => void;
}

/** A question: its answer or where that is, and what is asked. */
function QuestionMain({ request, editing, onEdit }: QuestionProps) {
  const { user } = useSession();
  const { filters, setFilters } = useFilters<Shown>();
  const mine = request.requester.id === user.id;
  const { run } = request;
  return (
    <>
      {run?.answer && (
        <Section title="Result" sheet>
          <ResultView run={run} request={request} />
        </Section>
      )}
      {run && !run.finished_at && (
        <Section title="Running" sheet>
          <RunProgress run={run} />
        </Section>
      )}
      {run?.finished_at && !run.answer && (
        <div className={classes.note}>
          <RunEnded run={run} />
        </div>
      )}
      {editing ? (
        <Section title="Edit and send again" sheet>
          <EditForm request={request} onDone={() => onEdit(false)} />
        </Section>
      ) : (
        <Question
          request={request}
          since={filters.since ? Number(filters.since) : undefined}
          onSince={(since) => setFilters({ since: since ? String(since) : undefined })}
        />
      )}
      {mine && request.state === "changes_requested" && !editing && (
        <div className={classes.note}>
          <Note tone="wait">
            <div className={classes.ask}>
              <span>A reviewer asks you to change this. Their reason is below.</span>
              <Button onClick={() => onEdit(true)}>Edit and send again</Button>
            </div>
          </Note>
        </div>
      )}
    </>
  );
}
