import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/")({ component: HomePage });

function HomePage() {
  return <PageHeader title="Home" />;
}
