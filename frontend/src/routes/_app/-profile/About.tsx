import { Button, Group, Radio, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { fieldError } from "@/api/problem";
import { useSession } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { useSubmit } from "@/hooks/useSubmit";
import { siteQuery } from "../people/-queries";
import classes from "./Profile.module.css";

type Preference = Schemas["User"]["email_notifications"];

const PREFERENCES: { value: Preference; label: string; description: string }[] = [
  { value: "all", label: "Everything", description: "Whatever shows up under the bell." },
  {
    value: "important",
    label: "What matters",
    description: "What waits for you, and how your own requests ended.",
  },
  { value: "none", label: "Nothing", description: "Links that you ask for still arrive." },
];

/** One's own name. */
export function NameField() {
  const { user } = useSession();
  const client = useQueryClient();
  const [name, setName] = useState(user.name);
  const [saved, setSaved] = useState(false);
  const { submit, busy, error } = useSubmit(async () => {
    await unwrap(api.PATCH("/api/v1/me", { body: { name: name.trim() } }));
    await client.invalidateQueries({ queryKey: ["session"] });
    await client.invalidateQueries({ queryKey: ["people"] });
    setSaved(true);
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <TextInput
        label="Name"
        required
        withAsterisk={false}
        maxLength={200}
        autoComplete="name"
        value={name}
        onChange={(event) => {
          setSaved(false);
          setName(event.currentTarget.value);
        }}
        error={fieldError(error, "name")}
      />
      {error && <ErrorNote error={error} />}
      <Group gap="md" mt="md">
        <Button
          type="submit"
          variant="default"
          loading={busy}
          disabled={name.trim() === "" || name.trim() === user.name}
        >
          Save the name
        </Button>
        <span role="status" className={classes.said}>
          {saved && "Saved."}
        </span>
      </Group>
    </form>
  );
}

/** What one wants e-mails about. */
export function MailField() {
  const { user } = useSession();
  const client = useQueryClient();
  const site = useQuery(siteQuery);
  const { submit, busy, error } = useSubmit(async (email_notifications: Preference) => {
    await unwrap(api.PATCH("/api/v1/me", { body: { email_notifications } }));
    await client.invalidateQueries({ queryKey: ["session"] });
  });
  return (
    <>
      <Radio.Group
        label="Tell me by e-mail"
        description={
          site.data?.smtp === false
            ? "This site sends no e-mail at present; your choice is kept."
            : undefined
        }
        value={user.email_notifications}
        onChange={(value) => void submit(value as Preference)}
      >
        <div className={classes.choices}>
          {PREFERENCES.map((each) => (
            <Radio key={each.value} {...each} disabled={busy} />
          ))}
        </div>
      </Radio.Group>
      {error && <ErrorNote error={error} />}
    </>
  );
}
