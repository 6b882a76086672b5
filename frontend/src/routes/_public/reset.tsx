import { Button, Stack, TextInput } from "@mantine/core";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";

import { fieldError } from "@/api/problem";
import { useWaysIn } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { PageHeader } from "@/components/PageHeader";
import { NewPasswordField } from "@/components/PasswordField";
import { useSubmit } from "@/hooks/useSubmit";
import { dropToken, takeToken } from "@/lib/fragment";

export const Route = createFileRoute("/_public/reset")({ component: ResetPage });

function ResetPage() {
  const [token] = useState(() => takeToken("reset"));
  return token === "" ? <AskForLink /> : <NewPassword token={token} />;
}

function AskForLink() {
  const { askForReset } = useWaysIn();
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const { submit, busy, error } = useSubmit(async () => {
    await askForReset(email);
    setSent(true);
  });
  if (sent) {
    return (
      <>
        <PageHeader
          title="Look in your mail"
          lead={`If somebody here has the address ${email}, and this site sends mail, a link is on its way. If none comes, ask the site's owner for one.`}
        />
        <Link to="/sign-in">Back to signing in</Link>
      </>
    );
  }
  return (
    <>
      <PageHeader title="Set a new password" lead="We send you a link that works once." />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="md">
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            withAsterisk={false}
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
            error={fieldError(error, "email")}
          />
          {error && <ErrorNote error={error} />}
          <Button type="submit" loading={busy}>
            Send the link
          </Button>
          <p className="soft">
            <Link to="/sign-in">Back to signing in</Link>
          </p>
        </Stack>
      </form>
    </>
  );
}

function NewPassword({ token }: { token: string }) {
  const { reset } = useWaysIn();
  const [password, setPassword] = useState("");
  const [done, setDone] = useState(false);
  const { submit, busy, error } = useSubmit(async () => {
    await reset(token, password);
    dropToken("reset");
    setDone(true);
  });
  if (done) {
    return (
      <>
        <PageHeader
          title="Your password is changed"
          lead="You were signed out everywhere. Sign in with the new one."
        />
        <Button component={Link} to="/sign-in" fullWidth>
          Sign in
        </Button>
      </>
    );
  }
  return (
    <>
      <PageHeader title="Set a new password" />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="md">
          <NewPasswordField
            label="New password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            error={fieldError(error, "password")}
          />
          {error && <ErrorNote error={error} />}
          <Button type="submit" loading={busy}>
            Change the password
          </Button>
        </Stack>
      </form>
    </>
  );
}
