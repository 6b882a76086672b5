import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/runs/$run")({ component: RunPage });

function RunPage() {
  return <PageHeader title="Run" />;
}
