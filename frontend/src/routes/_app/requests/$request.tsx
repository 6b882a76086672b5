import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/requests/$request")({ component: RequestPage });

function RequestPage() {
  return <PageHeader title="Request" />;
}
