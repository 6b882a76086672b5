import { Modal, Textarea, TextInput } from "@mantine/core";

import { fieldError } from "@/api/problem";
import { DialogForm } from "@/components/DialogForm";
import { Note } from "@/components/Note";
import type { TabProps } from "./Overview";
import { EditNotice, useEdit, useUpdate } from "./useEdit";

interface Props extends TabProps {
  onClose: () => void;
}

export function EditWords(props: Props) {
  const { dataset, onClose } = props;
  const edit = useEdit(`dataset:${dataset.id}:words`, {
    title: dataset.title,
    description: dataset.description,
  });
  const { submit, busy, error } = useUpdate(props);
  return (
    <Modal opened onClose={onClose} title="Title and description" size="38rem">
      <DialogForm
        busy={busy}
        error={error}
        disabled={edit.stale}
        onClose={onClose}
        onSubmit={() => submit(edit.value, edit.clear)}
      >
        <EditNotice edit={edit} />
        <TextInput
          label="Title"
          description="One line for people, such as “Hospital stays 2015–2024”."
          maxLength={200}
          data-autofocus
          value={edit.value.title}
          onChange={(event) => {
            const title = event.currentTarget.value;
            edit.set((before) => ({ ...before, title }));
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
          value={edit.value.description}
          onChange={(event) => {
            const description = event.currentTarget.value;
            edit.set((before) => ({ ...before, description }));
          }}
          error={fieldError(error, "description")}
        />
      </DialogForm>
    </Modal>
  );
}

export function EditTerms(props: Props) {
  const { dataset, onClose } = props;
  const edit = useEdit(`dataset:${dataset.id}:terms`, dataset.terms);
  const { submit, busy, error } = useUpdate(props);
  const changed = edit.value !== dataset.terms;
  return (
    <Modal opened onClose={onClose} title="Terms of use" size="38rem">
      <DialogForm
        busy={busy}
        error={error}
        onClose={onClose}
        disabled={!changed || edit.stale}
        onSubmit={() => submit({ terms: edit.value }, edit.clear)}
      >
        <EditNotice edit={edit} />
        <Textarea
          label="What everybody accepts before they ask"
          description="Plain text. Leave it empty for no terms."
          autosize
          minRows={8}
          maxRows={18}
          maxLength={20_000}
          data-autofocus
          value={edit.value}
          onChange={(event) => edit.set(event.currentTarget.value)}
          error={fieldError(error, "terms")}
        />
        {changed && edit.value !== "" && (
          <Note tone="wait">
            Everybody has to accept the new terms before they ask again, those who accepted the
            present ones too. Questions that were approved already are answered.
          </Note>
        )}
        {changed && edit.value === "" && (
          <Note>Nobody will have to accept anything any more.</Note>
        )}
      </DialogForm>
    </Modal>
  );
}
