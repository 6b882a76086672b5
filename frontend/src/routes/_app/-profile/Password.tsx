import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import { fieldError } from "@/api/problem";
import { useSession } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { NewPasswordField } from "@/components/PasswordField";
import { useSubmit } from "@/hooks/useSubmit";
import classes from "./Profile.module.css";

export function PasswordForm() {
  const { user } = useSession();
  const client = useQueryClient();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [changed, setChanged] = useState(false);
  const { submit, busy, error } = useSubmit(async () => {
    setChanged(false);
    await unwrap(api.PUT("/api/v1/me/password", { body: { current, new: next } }));
    setCurrent("");
    setNext("");
    setChanged(true);
    await client.invalidateQueries({ queryKey: ["sessions"] });
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Stack gap="md">
        {/* For password managers: whose password this is. */}
        <input type="hidden" name="username" value={user.email} readOnly />
        <PasswordInput
          label="Present password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          visibilityToggleButtonProps={{ "aria-label": "Show the present password" }}
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
          error={fieldError(error, "current")}
        />
        <NewPasswordField
          label="New password"
          visibilityToggleButtonProps={{ "aria-label": "Show the new password" }}
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
          error={fieldError(error, "new")}
        />
        {error && <ErrorNote error={error} />}
        <Group gap="md">
          <Button type="submit" variant="default" loading={busy}>
            Change the password
          </Button>
          <span role="status" className={classes.said}>
            {changed && "Changed. You were signed out everywhere else."}
          </span>
        </Group>
      </Stack>
    </form>
  );
}
