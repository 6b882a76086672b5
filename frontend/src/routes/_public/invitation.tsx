import { Button, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { fieldError } from "@/api/problem";
import { useWaysIn, type InvitationFacts } from "@/api/session";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { NewPasswordField } from "@/components/PasswordField";
import { useSubmit } from "@/hooks/useSubmit";
import { dropToken, takeToken } from "@/lib/fragment";
import { ROLE_DUTIES, ROLE_NAMES } from "@/lib/roles";

export const Route = createFileRoute("/_public/invitation")({ component: InvitationPage });

function InvitationPage() {
  const [token] = useState(() => takeToken("invitation"));
  const { lookUpInvitation } = useWaysIn();
  const invitation = useQuery({
    queryKey: ["invitation", token],
    queryFn: () => lookUpInvitation(token),
    enabled: token !== "",
    staleTime: Infinity,
    retry: false,
  });
  if (token === "") {
    return (
      <PageHeader
        title="Open the link you were sent"
        lead="An invitation is a link with a long word after its #. Open it whole, or ask for a new one."
      />
    );
  }
  if (invitation.isError) {
    return (
      <>
        <PageHeader title="This invitation does not work" />
        <ErrorState error={invitation.error} onRetry={() => void invitation.refetch()} />
        <p className="soft">
          <Link to="/sign-in">Sign in</Link> if you have accepted it already.
        </p>
      </>
    );
  }
  if (!invitation.data) return <LoadingState what="the invitation" />;
  return <Accept token={token} facts={invitation.data} />;
}

function Accept({ token, facts }: { token: string; facts: InvitationFacts }) {
  const navigate = useNavigate();
  const { acceptInvitation } = useWaysIn();
  const [name, setName] = useState(facts.name);
  const [password, setPassword] = useState("");
  const { submit, busy, error } = useSubmit(async () => {
    await acceptInvitation(token, name, password);
    dropToken("invitation");
    await navigate({ to: "/", replace: true });
  });
  return (
    <>
      <PageHeader
        title="You are invited"
        lead={`As ${facts.role === "owner" || facts.role === "auditor" ? "an" : "a"} ${ROLE_NAMES[facts.role].toLowerCase()}, who ${ROLE_DUTIES[facts.role]}.`}
      />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="md">
          <TextInput label="E-mail" value={facts.email} readOnly autoComplete="username" />
          <TextInput
            label="Your name"
            description="As others here will see it."
            autoComplete="name"
            required
            withAsterisk={false}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={fieldError(error, "name")}
          />
          <NewPasswordField
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            error={fieldError(error, "password")}
          />
          {error && <ErrorNote error={error} />}
          <Button type="submit" loading={busy}>
            Accept and sign in
          </Button>
        </Stack>
      </form>
    </>
  );
}
