import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/budgets/$account")({ component: BudgetPage });

function BudgetPage() {
  return <PageHeader title="Budget" />;
}
