import { createFileRoute } from "@tanstack/react-router";
import { Badge } from "@/components/StateBadge";

import { useSession } from "@/api/session";
import { SchemeSwitch } from "@/app/SchemeSwitch";
import { FormSection } from "@/components/FormSection";
import { PageHeader } from "@/components/PageHeader";
import { ROLE_DUTIES, ROLE_NAMES } from "@/lib/roles";
import { MailField, NameField } from "./-profile/About";
import { MyKeys } from "./-profile/Keys";
import { PasswordForm } from "./-profile/Password";
import { MySessions } from "./-profile/Sessions";

export const Route = createFileRoute("/_app/profile")({ component: ProfilePage });

function ProfilePage() {
  const { user } = useSession();
  return (
    <>
      <PageHeader
        title="Profile"
        lead={`${user.email}. As ${user.role === "owner" || user.role === "auditor" ? "an" : "a"} ${ROLE_NAMES[user.role].toLowerCase()}, who ${ROLE_DUTIES[user.role]}.`}
        badge={user.groups.map((group) => (
          <Badge key={group.id} label={group.name} tone="quiet" icon="people" />
        ))}
      />
      <MyKeys />
      <FormSection title="You" lead="Others see your name beside what you ask and decide.">
        <NameField />
      </FormSection>
      <FormSection title="E-mail" lead="They never hold results, only that there is something to see.">
        <MailField />
      </FormSection>
      <FormSection title="Appearance" lead="Kept in this browser.">
        <div>
          <SchemeSwitch />
        </div>
      </FormSection>
      <FormSection
        title="Password"
        lead="Changing it signs you out everywhere else. API keys go on working."
      >
        <PasswordForm />
      </FormSection>
      <FormSection
        title="Where you are signed in"
        lead="End any that you do not know, and change your password then."
      >
        <MySessions />
      </FormSection>
    </>
  );
}
