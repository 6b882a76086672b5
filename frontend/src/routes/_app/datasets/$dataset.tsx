import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/datasets/$dataset")({ component: DatasetPage });

function DatasetPage() {
  return <PageHeader title="Dataset" />;
}
