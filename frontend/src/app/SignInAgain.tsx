import { Button, Modal, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { forgetEverything, useSession, useWaysIn } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { useSubmit } from "@/hooks/useSubmit";

/** Only the same person can go on here: what is half written on the page is theirs. */
export default function SignInAgain({
  deactivated,
  onEnd,
}: {
  /** An owner ended more than the session: there is no signing in. */
  deactivated: boolean;
  onEnd: (signedIn: boolean) => void;
}) {
  const { user } = useSession();
  const { signIn } = useWaysIn();
  const client = useQueryClient();
  const [password, setPassword] = useState("");
  const { submit, busy, error } = useSubmit(async () => {
    await signIn(user.email, password);
    onEnd(true);
  });

  const leave = () => {
    onEnd(false);
    forgetEverything(client);
    location.assign("/sign-in");
  };

  if (deactivated) {
    return (
      <Modal
        opened
        onClose={() => onEnd(false)}
        title="Your account was deactivated"
        closeOnClickOutside={false}
        size="26rem"
        zIndex={500}
      >
        <Stack gap="md">
          <p>
            An owner of this site deactivated your account. You were signed out everywhere, and
            your API keys no longer work.
          </p>
          <p className="soft">
            Your requests and answers are kept. If you think that this is a mistake, ask an owner
            to activate {user.email} again.
          </p>
          <Button onClick={leave}>Leave</Button>
        </Stack>
      </Modal>
    );
  }
  return (
    <Modal
      opened
      onClose={() => onEnd(false)}
      title="Your session has ended"
      closeOnClickOutside={false}
      size="26rem"
      zIndex={500}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          event.stopPropagation(); // the page's own form may be around this one in React's tree
          void submit();
        }}
      >
        <Stack gap="md">
          <p className="soft">Sign in again to go on. Everything on this page stays as it is.</p>
          <TextInput label="E-mail" value={user.email} readOnly autoComplete="username" />
          <PasswordInput
            label="Password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="current-password"
            visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
            required
            withAsterisk={false}
            data-autofocus
          />
          {error && <ErrorNote error={error} />}
          <Button type="submit" loading={busy}>
            Sign in and go on
          </Button>
          <Button variant="subtle" onClick={leave}>
            Leave, as somebody else
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
