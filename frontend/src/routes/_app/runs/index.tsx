import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/runs/")({ component: RunsPage });

function RunsPage() {
  return <PageHeader title="Runs" />;
}
