import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/requests/")({ component: RequestsPage });

function RequestsPage() {
  return <PageHeader title="Requests" />;
}
