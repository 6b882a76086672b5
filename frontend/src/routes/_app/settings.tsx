import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { useSession } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useSubmit } from "@/hooks/useSubmit";
import { can } from "@/lib/roles";
import classes from "./-settings/Settings.module.css";
import { Environments } from "./-settings/Environments";
import { Workers } from "./-settings/Workers";
import { siteQuery } from "./people/-queries";

type Settings = Schemas["SiteSettings"];

export const Route = createFileRoute("/_app/settings")({ component: SettingsPage });

function SettingsPage() {
  const { user } = useSession();
  if (!can(user.role, "settings")) {
    return (
      <>
        <PageHeader title="Settings" />
        <EmptyState title="Only owners see the settings">Ask an owner of this site.</EmptyState>
      </>
    );
  }
  return <ForOwners email={user.email} />;
}

function ForOwners({ email }: { email: string }) {
  const site = useQuery(siteQuery);
  const settings = useQuery({
    queryKey: ["settings"],
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET("/api/v1/settings", { signal }))) as Settings,
    refetchInterval: 30_000,
  });
  return (
    <>
      <PageHeader
        title="Settings"
        lead="How the parts of this site are, who works for it, and the settings in force."
        badge={site.data && <Badge label={`Carrel ${site.data.version}`} tone="quiet" />}
      />
      {settings.isPending ? (
        <LoadingState what="the settings" />
      ) : settings.isError ? (
        <ErrorState error={settings.error} onRetry={() => void settings.refetch()} />
      ) : (
        <>
          <Services services={settings.data.services} />
          <Workers />
          <Environments />
          <Mail possible={site.data?.smtp === true} email={email} />
          <InForce groups={settings.data.groups} />
        </>
      )}
      <Section title="About">
        <p>
          Carrel is free software under the Apache License 2.0. This console is made with the work of
          others, its fonts among it: <a href="/licences.txt">their licences</a>.
        </p>
      </Section>
    </>
  );
}

function Services({ services }: { services: Settings["services"] }) {
  const ill = services.filter((service) => !service.healthy).length;
  return (
    <Section
      title="How the site is"
      lead={
        ill === 0
          ? "Every part does its work."
          : "Something needs you: what to do stands beside it."
      }
    >
      <ul className={classes.services}>
        {services.map((service) => (
          <li key={service.name} className={classes.service} data-healthy={service.healthy}>
            <div className={classes.top}>
              <h3>{upper(service.name)}</h3>
              {service.healthy ? (
                <Badge label="Healthy" tone="good" icon="check" />
              ) : (
                <Badge label="Needs you" tone="bad" icon="alert" />
              )}
            </div>
            <p>{upper(service.detail)}.</p>
            {service.advice && <p className={classes.advice}>{service.advice}</p>}
            {service.at && (
              <p className="soft">
                Last heard of <Time at={service.at} />
              </p>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Mail({ possible, email }: { possible: boolean; email: string }) {
  const [to, setTo] = useState<string | null>(null);
  const { submit, busy, error } = useSubmit(async () => {
    setTo(null);
    setTo((await unwrap(api.POST("/api/v1/settings/test_email"))).to);
  });
  return (
    <Section
      title="E-mail"
      lead="Invitations, new passwords and what people asked to be told go out by e-mail, where a mail server is set."
    >
      {possible ? (
        <>
          <Button
            variant="default"
            leftSection={<Icon name="upload" />}
            loading={busy}
            onClick={() => void submit()}
          >
            Send a test e-mail to {email}
          </Button>
          <p role="status" className={classes.said}>
            {to !== null && `The mail server took it. Look in the mailbox of ${to}.`}
          </p>
          {error && <ErrorNote error={error} />}
        </>
      ) : (
        <Note>
          This site sends no e-mail: hand links over yourself. To change that, set{" "}
          <code>CARREL_SMTP_URL</code> and <code>CARREL_SMTP_FROM</code> and start the site again.
        </Note>
      )}
    </Section>
  );
}

function InForce({ groups }: { groups: Settings["groups"] }) {
  return (
    <Section
      title="Settings in force"
      lead="Read when the site starts, from its environment. Passwords are left out."
    >
      {groups.map((group) => (
        <details
          key={group.title}
          className={classes.group}
          open={group.settings.some(({ changed }) => changed)}
        >
          <summary>
            <h3>{group.title}</h3>
            <span className="soft">{counted(group.settings)}</span>
          </summary>
          <dl className={classes.settings}>
            {group.settings.map((setting) => (
              <div key={setting.name}>
                <dt>
                  <code>{setting.name}</code>
                  {setting.changed && <Badge label="Changed" tone="info" />}
                  <span className={classes.words}><Described words={setting.description} /></span>
                </dt>
                <dd>
                  <code>{setting.value === "" ? "empty" : setting.value}</code>
                  {setting.changed && (
                    <span className={classes.words}>
                      by default{" "}
                      <code>{setting.default === "" ? "empty" : setting.default}</code>
                    </span>
                  )}
                </dd>
              </div>
            ))}
          </dl>
        </details>
      ))}
    </Section>
  );
}

/** A description, in which `code` stands between backticks. */
function Described({ words }: { words: string }) {
  return words
    .split("`")
    .map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part));
}

function counted(settings: readonly Schemas["Setting"][]): string {
  const changed = settings.filter((setting) => setting.changed).length;
  return changed === 0 ? "all by default" : `${changed} of ${settings.length} changed`;
}

function upper(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
