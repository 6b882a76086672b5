import { Button, Group, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { fieldError, type ApiError } from "@/api/problem";
import { ErrorNote } from "@/components/ErrorState";
import { DraftNotice } from "@/components/FormSection";
import { Note } from "@/components/Note";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import type { TabProps } from "./Overview";
import { updateDataset } from "./queries";

interface Props extends TabProps {
  onClose: () => void;
}

/** Sends a change and has the page show it. */
export function useUpdate({ dataset, etag, onClose }: Props) {
  const client = useQueryClient();
  return useSubmit(async (body: Parameters<typeof updateDataset>[2], done?: () => void) => {
    await updateDataset(dataset.name, etag, body);
    done?.();
    onClose();
    await client.invalidateQueries({ queryKey: ["dataset", dataset.name] });
    await client.invalidateQueries({ queryKey: ["datasets"] });
  });
}

export function EditWords(props: Props) {
  const { dataset, onClose } = props;
  const draft = useDraft(`dataset:${dataset.id}:words`, {
    title: dataset.title,
    description: dataset.description,
  });
  const { submit, busy, error } = useUpdate(props);
  return (
    <Modal opened onClose={onClose} title="Title and description" size="38rem">
      <Form
        busy={busy}
        error={error}
        onClose={onClose}
        onSubmit={() => void submit(draft.value, draft.clear)}
      >
        <DraftNotice draft={draft} />
        <TextInput
          label="Title"
          description="One line for people, such as “Hospital stays 2015–2024”."
          maxLength={200}
          data-autofocus
          value={draft.value.title}
          onChange={(event) => {
            const title = event.currentTarget.value;
            draft.set((before) => ({ ...before, title }));
          }}
          error={fieldError(error, "title")}
        />
        <Textarea
          label="Description"
          description="Where it comes from, what a row is, what to beware of. Everybody with access reads this: name no private figure."
          autosize
          minRows={5}
          maxRows={16}
          maxLength={20_000}
          value={draft.value.description}
          onChange={(event) => {
            const description = event.currentTarget.value;
            draft.set((before) => ({ ...before, description }));
          }}
          error={fieldError(error, "description")}
        />
      </Form>
    </Modal>
  );
}

export function EditTerms(props: Props) {
  const { dataset, onClose } = props;
  const draft = useDraft(`dataset:${dataset.id}:terms`, dataset.terms);
  const { submit, busy, error } = useUpdate(props);
  const changed = draft.value !== dataset.terms;
  return (
    <Modal opened onClose={onClose} title="Terms of use" size="38rem">
      <Form
        busy={busy}
        error={error}
        onClose={onClose}
        disabled={!changed}
        onSubmit={() => void submit({ terms: draft.value }, draft.clear)}
      >
        <DraftNotice draft={draft} />
        <Textarea
          label="What everybody accepts before they ask"
          description="Plain text. Leave it empty for no terms."
          autosize
          minRows={8}
          maxRows={18}
          maxLength={20_000}
          data-autofocus
          value={draft.value}
          onChange={(event) => draft.set(event.currentTarget.value)}
          error={fieldError(error, "terms")}
        />
        {changed && draft.value !== "" && (
          <Note tone="wait">
            Everybody has to accept the new terms before they ask again, those who accepted the
            present ones too. Questions that were approved already are answered.
          </Note>
        )}
        {changed && draft.value === "" && (
          <Note>Nobody will have to accept anything any more.</Note>
        )}
      </Form>
    </Modal>
  );
}

function Form({
  children,
  busy,
  error,
  disabled = false,
  onClose,
  onSubmit,
}: {
  children: ReactNode;
  busy: boolean;
  error: ApiError | null;
  disabled?: boolean;
  onClose: () => void;
  onSubmit: () => void;
}) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <Stack gap="md">
        {children}
        {error && <ErrorNote error={error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={disabled}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
