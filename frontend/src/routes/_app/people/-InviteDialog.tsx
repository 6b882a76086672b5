import { Button, Group, Modal, MultiSelect, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { fieldError } from "@/api/problem";
import type { Role } from "@/api/session";
import { DialogForm } from "@/components/DialogForm";
import { Note } from "@/components/Note";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { formatDay } from "@/lib/format";
import { can } from "@/lib/roles";
import { groupChoicesQuery, siteQuery } from "./-queries";
import { RoleField } from "./-RoleField";
import { SecretField } from "@/components/SecretField";

type Invited = Schemas["InvitationWithLink"];

interface Fields {
  name: string;
  email: string;
  role: Role;
  groups: string[];
  datasets: string[];
  days: string;
}

const EMPTY: Fields = {
  name: "",
  email: "",
  role: "researcher",
  groups: [],
  datasets: [],
  days: "7",
};

/** Invites somebody; then shows the link, this once. */
export function InviteDialog({ onClose }: { onClose: () => void }) {
  const [invited, setInvited] = useState<Invited | null>(null);
  return (
    <Modal
      opened
      onClose={onClose}
      size="36rem"
      title={invited ? `${invited.name} is invited` : "Invite somebody"}
      closeOnClickOutside={false}
    >
      {invited ? (
        <Link invited={invited} onClose={onClose} />
      ) : (
        <Form onInvited={setInvited} onClose={onClose} />
      )}
    </Modal>
  );
}

function Form({
  onInvited,
  onClose,
}: {
  onInvited: (invited: Invited) => void;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const draft = useDraft<Fields>("people:invite", EMPTY);
  const { value } = draft;
  const groups = useQuery(groupChoicesQuery);
  const change = (part: Partial<Fields>) => draft.set((before) => ({ ...before, ...part }));
  const asks = can(value.role, "ask");
  const { submit, busy, error } = useSubmit(async () => {
    const invited = await unwrap(
      api.POST("/api/v1/invitations", {
        body: {
          name: value.name.trim(),
          email: value.email.trim(),
          role: value.role,
          groups: value.groups,
          datasets: asks ? value.datasets : [],
          expires_in_days: Number(value.days),
        },
      }),
    );
    await client.invalidateQueries({ queryKey: ["people"] });
    draft.clear();
    onInvited(invited);
  });
  return (
    <DialogForm
      action="Make the invitation"
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
        data-autofocus
        value={value.name}
        onChange={(event) => change({ name: event.currentTarget.value })}
        error={fieldError(error, "name")}
      />
      <TextInput
        label="E-mail"
        type="email"
        description="They sign in with it, and cannot change it."
        required
        withAsterisk={false}
        value={value.email}
        onChange={(event) => change({ email: event.currentTarget.value })}
        error={fieldError(error, "email")}
      />
      <RoleField value={value.role} onChange={(role) => change({ role })} />
      {asks && (
        <DatasetsField value={value.datasets} onChange={(datasets) => change({ datasets })} />
      )}
      {(groups.data ?? []).length > 0 && (
        <MultiSelect
          label="Groups"
          description="Those they join when they accept."
          data={(groups.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          value={value.groups}
          onChange={(chosen) => change({ groups: chosen })}
        />
      )}
      <NativeSelect
        label="The link works for"
        value={value.days}
        onChange={(event) => change({ days: event.currentTarget.value })}
        data={[
          { value: "1", label: "1 day" },
          { value: "7", label: "7 days" },
          { value: "30", label: "30 days" },
        ]}
      />
    </DialogForm>
  );
}

function DatasetsField({
  value,
  onChange,
}: {
  value: string[];
  onChange: (names: string[]) => void;
}) {
  const [typed, setTyped] = useState("");
  const [q] = useDebouncedValue(typed, 250);
  const found = useQuery({
    queryKey: ["datasets", "choices", q],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/datasets", {
          params: { query: { limit: 20, ...(q === "" ? {} : { q }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
  const names = new Set([...value, ...(found.data?.items ?? []).map(({ name }) => name)]);
  return (
    <MultiSelect
      label="Datasets"
      description="Those they may ask questions of from the start. You can give more later."
      searchable
      searchValue={typed}
      onSearchChange={setTyped}
      data={[...names]}
      filter={({ options }) => options}
      value={value}
      onChange={onChange}
      nothingFoundMessage={found.isFetching ? "Searching…" : "No such dataset"}
    />
  );
}

function Link({ invited, onClose }: { invited: Invited; onClose: () => void }) {
  const site = useQuery(siteQuery);
  return (
    <Stack gap="md">
      <p>
        {site.data?.smtp === true
          ? `The link below is on its way to ${invited.email}. You can also hand it over yourself.`
          : `This site sends no e-mail, so send this link to ${invited.email} yourself.`}{" "}
        It works once, until {formatDay(invited.expires_at)}.
      </p>
      <SecretField label="Invitation link" value={invited.link} />
      <Note tone="wait">
        Whoever has this link can join in {invited.name}’s place. It is shown here only now; if it
        gets lost, invite the same address again and the old link stops working.
      </Note>
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}
