import { Button, Group, Modal, Stack } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { Section } from "@/components/Section";
import { useSubmit } from "@/hooks/useSubmit";
import { formatTime } from "@/lib/format";
import classes from "./-people.module.css";
import { personSessionsKey } from "./-PersonSessions";
import { SecretField } from "@/components/SecretField";

type Made = Schemas["PasswordResetLink"];

/** Their sessions and password: signing them out everywhere, and a link to set a new password. */
export function PersonDoors({ user, self }: { user: Schemas["User"]; self: boolean }) {
  const client = useQueryClient();
  const [made, setMade] = useState<Made | null>(null);
  const [ending, setEnding] = useState(false);
  const [ended, setEnded] = useState(false);
  const { submit, busy, error } = useSubmit(async () => {
    setMade(
      (await unwrap(
        api.POST("/api/v1/users/{user_id}/password_reset", {
          params: { path: { user_id: user.id } },
        }),
      )) as Made,
    );
  });
  return (
    <Section title="Sessions and password">
      <div className={classes.door}>
        <div>
          <strong>A link to set a new password</strong>
          <p>Works once, for a day. Nothing changes until it is used; then every session ends.</p>
        </div>
        <Button variant="default" loading={busy} onClick={() => void submit()}>
          Make a link
        </Button>
      </div>
      {error && <ErrorNote error={error} />}
      <div className={classes.door}>
        <div>
          <strong>Sign out everywhere</strong>
          <p role="status">
            {ended
              ? "Signed out everywhere. They can sign in again; keys go on working."
              : "For a computer that was lost or left open. They can sign in again; keys stay."}
          </p>
        </div>
        <Button
          variant="default"
          disabled={self}
          title={self ? "Your own sessions are in your profile." : undefined}
          onClick={() => setEnding(true)}
        >
          Sign out everywhere
        </Button>
      </div>
      {ending && (
        <ConfirmDialog
          title={`Sign ${user.name} out everywhere?`}
          confirm="Sign out"
          danger
          onClose={() => setEnding(false)}
          onConfirm={async () => {
            await unwrap(
              api.DELETE("/api/v1/users/{user_id}/sessions", {
                params: { path: { user_id: user.id } },
              }),
            );
            setEnded(true);
            await client.invalidateQueries({ queryKey: personSessionsKey(user.id) });
          }}
        >
          <p>
            Every browser they are signed in with asks for their password again. What they were
            writing stays in it.
          </p>
        </ConfirmDialog>
      )}
      {made && (
        <Modal
          opened
          onClose={() => setMade(null)}
          title={`A new password for ${user.name}`}
          size="34rem"
          closeOnClickOutside={false}
        >
          <Stack gap="md">
            <p>
              Hand this link to {user.name} yourself. It works once, until{" "}
              {formatTime(made.expires_at)}.
            </p>
            <SecretField label="Link to set a new password" value={made.link} />
            <Note tone="wait">
              Whoever has it can sign in as {user.name}. It is shown here only now, and the audit log
              says that you made it.
            </Note>
            <Group justify="flex-end">
              <Button onClick={() => setMade(null)}>Done</Button>
            </Group>
          </Stack>
        </Modal>
      )}
    </Section>
  );
}
