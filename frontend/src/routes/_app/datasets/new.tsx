import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/datasets/new")({ component: RegisterPage });

function RegisterPage() {
  return <PageHeader title="Register a dataset" />;
}
