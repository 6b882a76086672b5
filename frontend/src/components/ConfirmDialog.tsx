import { Button, Group, Modal, Stack, Textarea } from "@mantine/core";
import { useState, type ReactNode } from "react";

import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { ErrorNote } from "./ErrorState";

interface Props {
  title: string;
  /** What happens, and what cannot be undone. */
  children?: ReactNode;
  /** The verb on the button: "Reject", "End the key". */
  confirm: string;
  danger?: boolean;
  /** Asks for a reason; with `required` it may not be empty. What is typed is kept as a draft. */
  reason?: { label: string; description?: string; required?: boolean; draft: string };
  onConfirm: (reason: string) => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something is done; stays open with the error when it fails. */
export function ConfirmDialog(props: Props) {
  return props.reason ? <WithReason {...props} reason={props.reason} /> : <Plain {...props} />;
}

function WithReason(props: Props & { reason: NonNullable<Props["reason"]> }) {
  const { reason } = props;
  const draft = useDraft(`reason:${reason.draft}`, "");
  const [tried, setTried] = useState(false);
  const missing = reason.required === true && draft.value.trim() === "";
  return (
    <Plain
      {...props}
      blocked={missing}
      onBlocked={() => setTried(true)}
      onConfirm={async () => {
        await props.onConfirm(draft.value.trim());
        draft.clear();
      }}
    >
      {props.children}
      <Textarea
        label={reason.label}
        description={reason.description}
        autosize
        minRows={3}
        maxRows={10}
        maxLength={4000}
        data-autofocus
        value={draft.value}
        onChange={(event) => draft.set(event.currentTarget.value)}
        error={tried && missing ? "Give a reason; it will be read." : undefined}
      />
    </Plain>
  );
}

function Plain({
  title,
  children,
  confirm,
  danger = false,
  onConfirm,
  onClose,
  blocked = false,
  onBlocked,
}: Props & { blocked?: boolean; onBlocked?: () => void }) {
  const { submit, busy, error } = useSubmit(async () => {
    await onConfirm("");
    onClose();
  });
  return (
    <Modal opened onClose={onClose} title={title} size="30rem" closeOnClickOutside={!busy}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          event.stopPropagation();
          if (blocked) onBlocked?.();
          else void submit();
        }}
      >
        <Stack gap="md">
          {children}
          {error && <ErrorNote error={error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose} disabled={busy}>
              Cancel
            </Button>
            <Button type="submit" color={danger ? "brick" : "lamp"} loading={busy}>
              {confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
