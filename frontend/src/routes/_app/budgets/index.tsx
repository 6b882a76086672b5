import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/budgets/")({ component: BudgetsPage });

function BudgetsPage() {
  return <PageHeader title="Budgets" />;
}
