import { Button, Group, Textarea } from "@mantine/core";

import { useLineComment } from "@/api/code";
import type { ProgramRequest } from "@/api/requests";
import { ErrorNote } from "@/components/ErrorState";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import classes from "./code.module.css";

interface Props {
  request: ProgramRequest;
  path: string;
  line: number;
  onClose: () => void;
}

/** A comment on one line of the program as it is shown. */
export function LineCommentForm({ request, path, line, onClose }: Props) {
  const draft = useDraft(`line:${request.id}:${request.round ?? 1}:${path}:${line}`, "");
  const comment = useLineComment(request.id);
  const { submit, busy, error } = useSubmit(async () => {
    await comment.mutateAsync({
      contentHash: request.content_hash,
      path,
      line,
      text: draft.value.trim(),
    });
    draft.clear();
    onClose();
  });
  const blank = draft.value.trim() === "";
  return (
    <form
      className={classes.comment}
      aria-label={`Comment on line ${line}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (!blank) void submit();
      }}
    >
      <Textarea
        label={`Comment on line ${line}`}
        autoFocus
        autosize
        minRows={2}
        maxRows={12}
        maxLength={4000}
        value={draft.value}
        onChange={(event) => draft.set(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onClose();
        }}
      />
      {error && <ErrorNote error={error} />}
      <Group gap="sm">
        <Button type="submit" variant="default" size="compact-md" loading={busy} disabled={blank}>
          Comment
        </Button>
        <Button variant="subtle" size="compact-md" onClick={onClose} disabled={busy}>
          Not now
        </Button>
      </Group>
    </form>
  );
}
