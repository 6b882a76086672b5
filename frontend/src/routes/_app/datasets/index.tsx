import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/datasets/")({ component: DatasetsPage });

function DatasetsPage() {
  return <PageHeader title="Datasets" />;
}
