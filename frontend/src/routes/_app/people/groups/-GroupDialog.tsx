import { Modal, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";

import { api, unwrap, type Schemas } from "@/api/client";
import { fieldError } from "@/api/problem";
import { DialogForm } from "@/components/DialogForm";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";

type Group = Schemas["Group"];

/** Makes a group, or changes what one is called and for. */
export function GroupDialog({
  group,
  onClose,
  onSaved,
}: {
  group?: Group;
  onClose: () => void;
  onSaved?: (group: Group) => Promise<unknown>;
}) {
  const client = useQueryClient();
  const draft = useDraft(`group:${group?.id ?? "new"}`, {
    name: group?.name ?? "",
    description: group?.description ?? "",
  });
  const { submit, busy, error } = useSubmit(async () => {
    const body = { name: draft.value.name.trim(), description: draft.value.description.trim() };
    const saved = (await unwrap(
      group === undefined
        ? api.POST("/api/v1/groups", { body })
        : api.PATCH("/api/v1/groups/{group}", { params: { path: { group: group.id } }, body }),
    )) as Group;
    draft.clear();
    await client.invalidateQueries({ queryKey: ["groups"] });
    onClose();
    await onSaved?.(saved);
  });
  return (
    <Modal opened onClose={onClose} title={group ? `Change ${group.name}` : "Make a group"}>
      <DialogForm
        action={group ? "Save" : "Make the group"}
        busy={busy}
        error={error}
        draft={draft}
        onClose={onClose}
        onSubmit={submit}
      >
        <TextInput
          label="Name"
          required
          withAsterisk={false}
          maxLength={100}
          data-autofocus
          value={draft.value.name}
          onChange={(event) => {
            const name = event.currentTarget.value;
            draft.set((before) => ({ ...before, name }));
          }}
          error={fieldError(error, "name")}
        />
        <Textarea
          label="What it is for"
          autosize
          minRows={2}
          maxRows={8}
          maxLength={2000}
          value={draft.value.description}
          onChange={(event) => {
            const description = event.currentTarget.value;
            draft.set((before) => ({ ...before, description }));
          }}
          error={fieldError(error, "description")}
        />
      </DialogForm>
    </Modal>
  );
}
