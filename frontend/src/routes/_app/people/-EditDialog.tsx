import { Modal, TextInput } from "@mantine/core";

import { api, unwrap, type Schemas } from "@/api/client";
import { fieldError } from "@/api/problem";
import { DialogForm } from "@/components/DialogForm";
import { Note } from "@/components/Note";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { RoleField } from "./-RoleField";
import { useChanged } from "./-useChanged";

/** A person's name and role. */
export function EditDialog({ user, onClose }: { user: Schemas["User"]; onClose: () => void }) {
  const changed = useChanged(user.id);
  const draft = useDraft(`person:${user.id}`, { name: user.name, role: user.role });
  const { value } = draft;
  const { submit, busy, error } = useSubmit(async () => {
    await unwrap(
      api.PATCH("/api/v1/users/{user_id}", {
        params: { path: { user_id: user.id } },
        body: { name: value.name.trim(), role: value.role },
      }),
    );
    draft.clear();
    await changed();
    onClose();
  });
  return (
    <Modal opened onClose={onClose} title={`Change ${user.name}`} size="32rem">
      <DialogForm
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
          maxLength={200}
          value={value.name}
          onChange={(event) => {
            const name = event.currentTarget.value;
            draft.set((before) => ({ ...before, name }));
          }}
          error={fieldError(error, "name")}
        />
        <RoleField
          value={value.role}
          onChange={(role) => draft.set((before) => ({ ...before, role }))}
        />
        {value.role !== user.role && (
          <Note tone="wait">
            The new role counts from their next click on, also for sessions and keys they have.
            {user.role === "owner" && " Invitations and password links they made stop working."}
          </Note>
        )}
      </DialogForm>
    </Modal>
  );
}
