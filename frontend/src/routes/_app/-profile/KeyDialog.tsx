import { Button, Checkbox, Group, Modal, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { fieldError } from "@/api/problem";
import { useSession, type Role } from "@/api/session";
import { CodeBlock } from "@/components/CodeBlock";
import { DialogForm } from "@/components/DialogForm";
import { Note } from "@/components/Note";
import { SecretField } from "@/components/SecretField";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import { formatDay } from "@/lib/format";
import { can } from "@/lib/roles";
import classes from "./Profile.module.css";

type Scope = Schemas["Scope"];
type Made = Schemas["ApiKeyWithSecret"];

interface Choice {
  value: Scope;
  label: string;
  description: string;
  offered: (role: Role) => boolean;
}

const SCOPES: Choice[] = [
  {
    value: "read",
    label: "Read",
    description: "See the datasets, requests, answers and budgets that you see.",
    offered: () => true,
  },
  {
    value: "ask",
    label: "Ask",
    description: "Ask questions, which spend your budget.",
    offered: (role) => can(role, "ask"),
  },
  {
    value: "review",
    label: "Review",
    description: "Vote on others’ requests in your name.",
    offered: (role) => can(role, "review"),
  },
  {
    value: "admin",
    label: "Administer",
    description: "Change whatever you may change, keys included. Not for what runs unwatched.",
    offered: () => true,
  },
];

/** Makes an API key; then shows it, this once, with how to use it. */
export function KeyDialog({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Modal
      opened
      onClose={onClose}
      title={made ? `Your key “${made.label}”` : "Make an API key"}
      size={made ? "38rem" : "32rem"}
      closeOnClickOutside={false}
    >
      {made ? <Use made={made} onClose={onClose} /> : <Form onMade={setMade} onClose={onClose} />}
    </Modal>
  );
}

function Form({ onMade, onClose }: { onMade: (made: Made) => void; onClose: () => void }) {
  const { user } = useSession();
  const client = useQueryClient();
  const draft = useDraft<{ label: string; scopes: string[]; days: string }>("profile:key", {
    label: "",
    scopes: can(user.role, "ask") ? ["read", "ask"] : ["read"],
    days: "90",
  });
  const { value } = draft;
  const change = (part: Partial<typeof value>) => draft.set((before) => ({ ...before, ...part }));
  const { submit, busy, error } = useSubmit(async () => {
    const body = {
      label: value.label.trim(),
      scopes: value.scopes as Scope[],
      expires_in_days: Number(value.days),
    };
    const made = await unwrap(api.POST("/api/v1/keys", { body }));
    draft.clear();
    onMade(made);
    await client.invalidateQueries({ queryKey: ["keys"] });
  });
  return (
    <DialogForm
      action="Make the key"
      busy={busy}
      error={error}
      disabled={value.scopes.length === 0}
      draft={draft}
      onClose={onClose}
      onSubmit={submit}
    >
      <TextInput
        label="What it is for"
        description="So that you know it again: “notebook on my laptop”."
        required
        withAsterisk={false}
        maxLength={200}
        data-autofocus
        value={value.label}
        onChange={(event) => change({ label: event.currentTarget.value })}
        error={fieldError(error, "label")}
      />
      <Checkbox.Group
        label="What it may do"
        value={value.scopes}
        onChange={(scopes) => change({ scopes })}
      >
        <div className={classes.choices}>
          {SCOPES.filter((scope) => scope.offered(user.role)).map((scope) => (
            <Checkbox
              key={scope.value}
              value={scope.value}
              label={scope.label}
              description={scope.description}
            />
          ))}
        </div>
      </Checkbox.Group>
      <NativeSelect
        label="It works for"
        value={value.days}
        onChange={(event) => change({ days: event.currentTarget.value })}
        data={[
          { value: "7", label: "7 days" },
          { value: "30", label: "30 days" },
          { value: "90", label: "90 days" },
          { value: "366", label: "a year" },
        ]}
      />
    </DialogForm>
  );
}

const PYTHON = `import carrel             # pip install carrel

site = carrel.connect()   # reads CARREL_URL and CARREL_API_KEY
print(site.me.name)
for dataset in site.datasets:
    print(dataset.name, "-", dataset.title)`;

function Use({ made, onClose }: { made: Made; onClose: () => void }) {
  return (
    <Stack gap="md">
      <SecretField label="API key" value={made.secret} copy="Copy the key" />
      <Note tone="wait">
        It is shown here only now, and works until {formatDay(made.expires_at)}. Whoever has it can
        do in your name what it may do: keep it out of notebooks that you share.
      </Note>
      <CodeBlock
        language="Shell"
        code={`export CARREL_URL=${location.origin}\nexport CARREL_API_KEY=${made.secret}`}
        wrap
      />
      <CodeBlock language="Python" code={PYTHON} />
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}
