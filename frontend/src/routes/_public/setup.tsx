import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { fieldError } from "@/api/problem";
import { setupQuery, useWaysIn } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorState";
import { PageHeader } from "@/components/PageHeader";
import { NewPasswordField } from "@/components/PasswordField";
import { useSubmit } from "@/hooks/useSubmit";
import { dropToken, takeToken } from "@/lib/fragment";

export const Route = createFileRoute("/_public/setup")({
  loader: ({ context }) => context.queryClient.ensureQueryData(setupQuery),
  component: SetupPage,
});

function SetupPage() {
  const setup = useQuery(setupQuery);
  const navigate = useNavigate();
  const { setUp } = useWaysIn();
  const [linked] = useState(() => takeToken("setup"));
  const [token, setToken] = useState(linked);
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const { submit, busy, error } = useSubmit(async () => {
    const session = await setUp({ token, name, email, password });
    dropToken("setup");
    await navigate({ to: session ? "/" : "/sign-in", replace: true });
  });
  if (setup.data?.done && !busy) {
    return (
      <>
        <PageHeader title="This site has its owner" />
        <EmptyState title="The set-up link has been used">
          It works once. If you are the owner, <Link to="/sign-in">sign in</Link>; if not, ask the
          owner to invite you.
        </EmptyState>
      </>
    );
  }
  return (
    <>
      <PageHeader
        title="Make this site yours"
        lead="The first person here becomes its owner: you register data, set budgets and invite others."
      />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="md">
          {linked === "" && (
            <PasswordInput
              label="Set-up token"
              description="From the link that `carrel up` printed, or from secrets/setup_token in the site's data directory."
              required
              withAsterisk={false}
              autoComplete="off"
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
            />
          )}
          <TextInput
            label="Your name"
            autoComplete="name"
            required
            withAsterisk={false}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={fieldError(error, "name")}
          />
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
          <NewPasswordField
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            error={fieldError(error, "password")}
          />
          {error && <ErrorNote error={error} />}
          <Button type="submit" loading={busy}>
            Become the owner
          </Button>
        </Stack>
      </form>
    </>
  );
}
