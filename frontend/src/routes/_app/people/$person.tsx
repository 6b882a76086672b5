import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";

import { useSession } from "@/api/session";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { Facts, Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { can, ROLE_DUTIES, ROLE_NAMES } from "@/lib/roles";
import { ActiveDialog } from "./-ActiveDialog";
import { EditDialog } from "./-EditDialog";
import { PersonAccess } from "./-PersonAccess";
import { PersonDoors } from "./-PersonDoors";
import { PersonGroups } from "./-PersonGroups";
import { PersonKeys } from "./-PersonKeys";
import { PersonSessions } from "./-PersonSessions";
import { personQuery } from "./-queries";

export const Route = createFileRoute("/_app/people/$person")({ component: PersonPage });

function PersonPage() {
  const { person: id } = Route.useParams();
  const { user: me } = useSession();
  const owner = can(me.role, "managePeople");
  const [dialog, setDialog] = useState<"edit" | "active" | null>(null);
  const person = useQuery(personQuery(id));
  const back = <Link to="/people">People</Link>;
  if (person.isError) {
    return (
      <>
        <PageHeader title="Person" eyebrow={back} />
        <ErrorState error={person.error} onRetry={() => void person.refetch()} />
      </>
    );
  }
  if (!person.data) {
    return (
      <>
        <PageHeader title="Person" eyebrow={back} />
        <LoadingState what="this person" />
      </>
    );
  }
  const user = person.data;
  const self = user.id === me.id;
  return (
    <>
      <PageHeader
        title={user.name}
        eyebrow={back}
        lead={`${ROLE_NAMES[user.role]}: ${ROLE_DUTIES[user.role]}.`}
        badge={
          user.active ? (
            <Badge label="Active" tone="good" icon="check" />
          ) : (
            <Badge label="Deactivated" tone="quiet" icon="stop" />
          )
        }
        actions={
          owner && (
            <>
              <Button variant="default" onClick={() => setDialog("edit")}>
                Change name or role
              </Button>
              {user.active ? (
                <Button color="brick" variant="outline" onClick={() => setDialog("active")}>
                  Deactivate
                </Button>
              ) : (
                <Button onClick={() => setDialog("active")}>Activate again</Button>
              )}
            </>
          )
        }
      />
      {!user.active && (
        <Section>
          <Note tone="wait">
            {user.name} cannot sign in, and none of their keys works. Their requests, answers and
            budgets stay as they are.
          </Note>
        </Section>
      )}
      <Section title="About">
        <Facts
          rows={[
            ["E-mail", user.email],
            ["Role", ROLE_NAMES[user.role]],
            ["Here since", <Time key="since" at={user.created_at} />],
            ["Last seen", <Time key="seen" at={user.last_seen_at} />],
            [
              "Budgets",
              can(me.role, "seeAllBudgets") && can(user.role, "ask") ? (
                <Link key="budgets" to="/budgets" search={{ researcher: user.id }}>
                  What they have, spent and left
                </Link>
              ) : undefined,
            ],
            [
              "What they did",
              can(me.role, "seeAudit") ? (
                <Link key="audit" to="/audit" search={{ actor: user.id }}>
                  In the audit log
                </Link>
              ) : undefined,
            ],
          ]}
        />
      </Section>
      <PersonGroups user={user} owner={owner} />
      <PersonAccess user={user} owner={owner} />
      {owner && <PersonKeys user={user} />}
      {owner && <PersonSessions user={user} />}
      {owner && user.active && <PersonDoors user={user} self={self} />}
      {dialog === "edit" && <EditDialog user={user} onClose={() => setDialog(null)} />}
      {dialog === "active" && <ActiveDialog user={user} onClose={() => setDialog(null)} />}
    </>
  );
}
