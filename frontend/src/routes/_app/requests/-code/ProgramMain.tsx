import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { codeReviewQuery } from "@/api/code";
import type { ProgramRequest } from "@/api/requests";
import { useSession } from "@/api/session";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { Section } from "@/components/Section";
import classes from "./code.module.css";
import { Files } from "./Files";
import { Tried } from "./Tried";

export interface Editing {
  editing: boolean;
  onEdit: () => void;
  onEdited: () => void;
}

interface Props extends Editing {
  request: ProgramRequest;
  /** Edits it. */
  form: ReactNode;
  /** What is asked, before the program itself. */
  children: ReactNode;
}

/** A program as it is read: what is asked, its files with what was found and said at each line, what
    changed, and its run on made-up rows; or the form that edits it. */
export function ProgramMain({ request, editing, onEdit, form, children }: Props) {
  const { user } = useSession();
  const review = useQuery(codeReviewQuery(request.id));
  const mine = request.requester.id === user.id;
  if (editing) {
    return (
      <Section title="Edit and send again" sheet>
        {form}
      </Section>
    );
  }
  return (
    <>
      {mine && request.state === "changes_requested" && (
        <div className={classes.note}>
          <Note tone="wait">
            <div className={classes.ask}>
              <span>
                A reviewer asks you to change this. Their reason is below; what they said of single
                lines stands at those.
              </span>
              <Button onClick={onEdit}>Edit and send again</Button>
            </div>
          </Note>
        </div>
      )}
      {children}
      {review.isPending && <LoadingState what="the program" rows={8} />}
      {review.isError && !review.data && (
        <ErrorState error={review.error} onRetry={() => void review.refetch()} />
      )}
      {review.data && <Files request={request} review={review.data} />}
      {review.data && <Tried review={review.data} mine={mine} />}
    </>
  );
}
