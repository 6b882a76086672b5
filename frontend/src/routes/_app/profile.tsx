import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/profile")({ component: ProfilePage });

function ProfilePage() {
  return <PageHeader title="Profile" />;
}
