import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/people/$person")({ component: PersonPage });

function PersonPage() {
  return <PageHeader title="Person" />;
}
