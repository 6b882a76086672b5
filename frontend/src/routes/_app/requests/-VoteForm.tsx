import { Button, Radio, Stack, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { backgroundQuery, useDecide, type Decision, type RequestFull } from "@/api/requests";
import { useSession } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { useDraft } from "@/hooks/useDraft";
import { useShortcuts } from "@/hooks/useShortcuts";
import { useSubmit } from "@/hooks/useSubmit";
import { plural } from "@/lib/format";
import { can } from "@/lib/roles";
import classes from "./-VoteForm.module.css";
import { VOTE_FORM, voteOf } from "./-voting";
import { voteDraft } from "./-words";

const CHOICES: { value: Decision; label: string; description: string }[] = [
  {
    value: "approve",
    label: "Approve",
    description: "It may run exactly as shown. A reason is welcome, not needed.",
  },
  {
    value: "return",
    label: "Return for changes",
    description: "Whoever asked may edit it and send it again. Say what has to change.",
  },
  {
    value: "reject",
    label: "Reject",
    description: "Refused for good. Say why; whoever asked will read it.",
  },
];

const BLIND =
  "Votes are blind: until the request is decided nobody sees another's vote, its reason, or that it was cast.";

/** Voting, or why there is nothing for this person to vote on. */
export function VotePanel({ request }: { request: RequestFull }) {
  const { user } = useSession();
  if (request.state !== "submitted") return null;
  const mine = request.requester.id === user.id;
  const cast = voteOf(request, user);
  if (mine) {
    return (
      <Note tone="info">
        You asked this, so you cannot vote on it, whatever your role: somebody else has to look at
        it. {plural(request.votes_needed, "approval is", "approvals are")} needed.
      </Note>
    );
  }
  if (!can(user.role, "review")) {
    return <Note tone="quiet">It waits for reviewers. Auditors read along and do not vote.</Note>;
  }
  if (cast) {
    return (
      <Note tone="good">
        You have voted on this round. {plural(request.votes_needed, "approval is", "approvals are")}{" "}
        needed in all. {BLIND}
      </Note>
    );
  }
  return (
    <>
      <MayNotCount request={request} />
      <VoteForm request={request} />
    </>
  );
}

/** That an approval of this person's cannot be one of those that it takes. */
function MayNotCount({ request }: { request: RequestFull }) {
  const background = useQuery(backgroundQuery(request.id));
  if (background.data?.approval_counts !== false) return null;
  const groups = request.groups_needed;
  return (
    <Note tone="wait">
      <strong>Your approval cannot count here.</strong>{" "}
      {plural(request.votes_needed, "approval is", "approvals are")} needed,{" "}
      {request.votes_needed === 1 ? "by somebody of" : "all of them by people of"}{" "}
      {groups.length === 1 ? `the group ${groups[0]}` : `the groups ${groups.join(" and ")}`}, and you
      are in none of them. Returning or rejecting it decides at once, as anybody's does.
    </Note>
  );
}

function VoteForm({ request }: { request: RequestFull }) {
  // A vote is for what its reviewer has read: the content as it was when this came up, until they
  // say that they have seen what replaced it.
  const [seen, setSeen] = useState(request.content_hash);
  const draft = useDraft<{ decision: Decision | ""; reason: string }>(voteDraft(request.id), {
    decision: "",
    reason: "",
  });
  const { decision, reason } = draft.value;
  const [tried, setTried] = useState(false);
  const [pressed, setPressed] = useState(0);
  const form = useRef<HTMLFormElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const decide = useDecide();
  const { submit, busy, error, forget } = useSubmit(async () => {
    if (decision === "") return;
    await decide.mutateAsync({
      id: request.id,
      decision,
      contentHash: seen,
      reason: reason.trim(),
    });
    draft.clear();
  });
  const choose = (value: Decision) => {
    forget();
    draft.set((before) => ({ ...before, decision: value }));
  };
  const byKey = (value: Decision) => () => {
    choose(value);
    setPressed((count) => count + 1);
  };
  const send = () => {
    if (form.current?.contains(document.activeElement)) form.current.requestSubmit();
  };
  useShortcuts("This request", [
    { keys: "a", does: "Approve: goes to the vote, and does not send it", run: byKey("approve") },
    { keys: "r", does: "Return for changes", run: byKey("return") },
    { keys: "x", does: "Reject", run: byKey("reject") },
    { keys: "mod+Enter", does: "Send the vote, from its form", run: send, inFields: true },
  ]);
  useEffect(() => {
    if (pressed === 0) return;
    box.current?.focus();
    box.current?.scrollIntoView({ block: "center" });
  }, [pressed]);
  const changed = request.content_hash !== seen;
  const missing = (decision === "return" || decision === "reject") && reason.trim() === "";
  const chosen = CHOICES.find((choice) => choice.value === decision);
  return (
    <form
      ref={form}
      id={VOTE_FORM}
      noValidate
      className={classes.form}
      aria-label="Your vote"
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (!changed && decision !== "" && !missing) void submit();
      }}
    >
      <p className="soft">{BLIND}</p>
      {changed && (
        <Note tone="wait">
          <Stack gap="xs" align="flex-start">
            <span>
              The request was edited while you were reading. The page shows the new round; what
              changed is in the conversation. A vote is only for what you have read.
            </span>
            <Button variant="default" size="sm" onClick={() => setSeen(request.content_hash)}>
              I have read the new round
            </Button>
          </Stack>
        </Note>
      )}
      <Radio.Group
        label="Your vote"
        value={decision}
        onChange={(value) => choose(value as Decision)}
        error={tried && decision === "" ? "Choose one." : undefined}
      >
        <Stack gap="sm" mt="xs">
          {CHOICES.map((choice) => (
            <Radio key={choice.value} {...choice} color="lamp" disabled={changed} />
          ))}
        </Stack>
      </Radio.Group>
      <Textarea
        ref={box}
        label={decision === "approve" || decision === "" ? "Reason, if you like" : "Reason"}
        autosize
        minRows={2}
        maxRows={12}
        maxLength={4000}
        value={reason}
        onChange={(event) => {
          const typed = event.currentTarget.value;
          draft.set((before) => ({ ...before, reason: typed }));
        }}
        error={tried && missing ? "Give a reason; whoever asked will read it." : undefined}
      />
      {error && <ErrorNote error={error} />}
      <div className={classes.send}>
        <Button
          type="submit"
          color={decision === "reject" ? "brick" : "lamp"}
          loading={busy}
          disabled={changed}
        >
          {chosen?.label ?? "Vote"}
        </Button>
        <span className="soft">
          For content <code title={seen}>{seen.replace(/^sha256:/, "").slice(0, 12)}</code>, just as
          shown
        </span>
      </div>
    </form>
  );
}
