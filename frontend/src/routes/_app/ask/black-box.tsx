import { createFileRoute } from "@tanstack/react-router";

import { useSession } from "@/api/session";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { useFilters } from "@/hooks/useFilters";
import { can } from "@/lib/roles";
import { text } from "@/lib/search";
import { AskTabs } from "../-ask/AskTabs";
import { WriteBox } from "../-box/WriteBox";

interface Search {
  dataset?: string | undefined;
}

export const Route = createFileRoute("/_app/ask/black-box")({
  validateSearch: (search: Record<string, unknown>): Search => ({ dataset: text(search["dataset"]) }),
  component: BlackBoxPage,
});

function BlackBoxPage() {
  const { user } = useSession();
  const { filters } = useFilters<Search>();
  return (
    <>
      <PageHeader
        title="Black box"
        lead="Any Python function of a table, made private: it runs on many small blocks of people, and a private mean or median of what they return leaves."
      />
      {can(user.role, "ask") ? (
        <>
          <AskTabs />
          <WriteBox dataset={filters.dataset} />
        </>
      ) : (
        <Note tone="quiet">Auditors read along and ask nothing.</Note>
      )}
    </>
  );
}
