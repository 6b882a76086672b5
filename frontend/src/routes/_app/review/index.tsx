import { createFileRoute } from "@tanstack/react-router";

import { PageHeader } from "@/components/PageHeader";

export const Route = createFileRoute("/_app/review/")({ component: ReviewPage });

function ReviewPage() {
  return <PageHeader title="Review" />;
}
