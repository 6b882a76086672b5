import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/people/")({ component: PeoplePage });

function PeoplePage() {
  return <PageHeader title="People" />;
}
