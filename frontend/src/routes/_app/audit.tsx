import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/audit")({ component: AuditPage });

function AuditPage() {
  return <PageHeader title="Audit" />;
}
