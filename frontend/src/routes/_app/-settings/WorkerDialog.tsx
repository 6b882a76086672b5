import { Button, Checkbox, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { fieldError } from "@/api/problem";
import { DialogForm } from "@/components/DialogForm";
import { Note } from "@/components/Note";
import { SecretField } from "@/components/SecretField";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import classes from "./Settings.module.css";

type Made = Schemas["WorkerWithSecret"];

const QUEUES = [
  { value: "ingest", label: "ingest", description: "Reads uploaded data in." },
  { value: "query", label: "query", description: "Answers questions." },
  { value: "code", label: "code", description: "Runs programs that people approved." },
  { value: "mock", label: "mock", description: "Tries programs on made-up rows; gets no data." },
  {
    value: "black_box",
    label: "black_box",
    description: "Runs private black boxes; on a machine where nothing else does.",
  },
  { value: "train", label: "train", description: "Trains models." },
];

/** Makes a worker's credential; then shows it, this once. */
export function WorkerDialog({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Modal
      opened
      onClose={onClose}
      title={made ? `The credential of ${made.name}` : "Add a worker"}
      size="34rem"
      closeOnClickOutside={false}
    >
      {made ? <Use made={made} onClose={onClose} /> : <Form onMade={setMade} onClose={onClose} />}
    </Modal>
  );
}

function Use({ made, onClose }: { made: Made; onClose: () => void }) {
  return (
    <Stack gap="md">
      <p>
        Put it into a file that only the worker’s account can read, and name that file in{" "}
        <code>CARREL_WORKER_TOKEN_FILE</code>. It opens {made.queues.join(", ")} and nothing else.
      </p>
      <SecretField label="Credential" value={made.secret} copy="Copy it" />
      <Note tone="wait">It is shown here only now. If it gets lost, revoke it and make another.</Note>
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}

function Form({ onMade, onClose }: { onMade: (made: Made) => void; onClose: () => void }) {
  const client = useQueryClient();
  const draft = useDraft("settings:worker", { name: "", queues: ["query"] });
  const { submit, busy, error } = useSubmit(async () => {
    const body = { name: draft.value.name.trim(), queues: draft.value.queues };
    const made = await unwrap(api.POST("/api/v1/workers", { body }));
    draft.clear();
    onMade(made);
    await client.invalidateQueries({ queryKey: ["settings"] });
  });
  return (
    <DialogForm
      action="Make the credential"
      busy={busy}
      error={error}
      disabled={draft.value.queues.length === 0}
      draft={draft}
      onClose={onClose}
      onSubmit={submit}
    >
      <TextInput
        label="Name"
        description="Where it runs, or what for."
        required
        withAsterisk={false}
        maxLength={200}
        data-autofocus
        value={draft.value.name}
        onChange={(event) => {
          const name = event.currentTarget.value;
          draft.set((before) => ({ ...before, name }));
        }}
        error={fieldError(error, "name")}
      />
      <Checkbox.Group
        label="Works on"
        value={draft.value.queues}
        onChange={(queues) => draft.set((before) => ({ ...before, queues }))}
      >
        <div className={classes.queues}>
          {QUEUES.map((queue) => (
            <Checkbox key={queue.value} {...queue} />
          ))}
        </div>
      </Checkbox.Group>
    </DialogForm>
  );
}
