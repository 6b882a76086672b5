import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/ask")({ component: AskPage });

function AskPage() {
  return <PageHeader title="Ask" />;
}
