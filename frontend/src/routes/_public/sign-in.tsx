import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { createFileRoute, Link, redirect, useRouter } from "@tanstack/react-router";
import { useState } from "react";

import { sessionQuery, setupQuery, useWaysIn, wasDeactivated } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { useSubmit } from "@/hooks/useSubmit";
import { text } from "@/lib/search";

export const Route = createFileRoute("/_public/sign-in")({
  validateSearch: (search: Record<string, unknown>): { next?: string | undefined } => ({
    next: inside(text(search["next"])),
  }),
  beforeLoad: async ({ context }) => {
    if (await context.queryClient.ensureQueryData(sessionQuery)) throw redirect({ to: "/" });
    const setup = await context.queryClient.ensureQueryData(setupQuery);
    if (!setup.done) throw redirect({ to: "/setup" });
  },
  component: SignInPage,
});

/** Only an address of this console: a link may not send whoever signs in somewhere else. */
function inside(next: string | undefined): string | undefined {
  if (next === undefined || !next.startsWith("/")) return undefined;
  try {
    return new URL(next, location.origin).origin === location.origin ? next : undefined;
  } catch {
    return undefined;
  }
}

function SignInPage() {
  const { next } = Route.useSearch();
  const router = useRouter();
  const { signIn } = useWaysIn();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const { submit, busy, error } = useSubmit(async () => {
    await signIn(email, password);
    router.history.push(next ?? "/");
  });
  return (
    <>
      <PageHeader title="Sign in" />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="md">
          {wasDeactivated() && (
            <Note tone="wait">
              The account that was signed in here was deactivated by an owner of this site. If you
              think that this is a mistake, ask them.
            </Note>
          )}
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            withAsterisk={false}
            autoFocus
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          {error && <ErrorNote error={error} />}
          <Button type="submit" loading={busy}>
            Sign in
          </Button>
          <p className="soft">
            <Link to="/reset">I forgot my password</Link>
          </p>
        </Stack>
      </form>
    </>
  );
}
