import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";

import { useSession } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { PageHeader } from "@/components/PageHeader";
import { can } from "@/lib/roles";
import { oneOf } from "@/lib/search";
import { STEPS, type Step } from "./-register/form";
import { Wizard } from "./-register/Wizard";

interface Search {
  step?: Step | undefined;
}

export const Route = createFileRoute("/_app/datasets/new")({
  validateSearch: (search: Record<string, unknown>): Search => ({
    step: oneOf(search["step"], STEPS),
  }),
  component: RegisterPage,
});

function RegisterPage() {
  const { user } = useSession();
  const { step } = Route.useSearch();
  const [again, setAgain] = useState(0);
  if (!can(user.role, "manageDatasets")) {
    return (
      <>
        <PageHeader title="Register a dataset" />
        <EmptyState title="Owners register datasets">
          Ask an owner of this site to register the table, or to make you an owner.
        </EmptyState>
      </>
    );
  }
  return (
    <>
      <PageHeader
        title="Register a dataset"
        lead="You describe the table in public terms and set what may be learned from it. Then you upload it. What you fill in is kept in this tab, and nothing is sent before the last step."
      />
      <Wizard key={again} step={step ?? "file"} onRestart={() => setAgain(again + 1)} />
    </>
  );
}
