import { createFileRoute } from "@tanstack/react-router";

import { useSession } from "@/api/session";
import { Note } from "@/components/Note";
import { PageHeader } from "@/components/PageHeader";
import { useFilters } from "@/hooks/useFilters";
import { can } from "@/lib/roles";
import { text } from "@/lib/search";
import { AskTabs } from "../-ask/AskTabs";
import { WriteCode } from "../-code/WriteCode";

interface Search {
  dataset?: string | undefined;
}

export const Route = createFileRoute("/_app/ask/code")({
  validateSearch: (search: Record<string, unknown>): Search => ({ dataset: text(search["dataset"]) }),
  component: CodePage,
});

function CodePage() {
  const { user } = useSession();
  const { filters } = useFilters<Search>();
  return (
    <>
      <PageHeader
        title="Write code"
        lead="Python that runs beside the data. People read it before it runs, and what it returned before you get it."
      />
      {can(user.role, "ask") ? (
        <>
          <AskTabs />
          <WriteCode dataset={filters.dataset} />
        </>
      ) : (
        <Note tone="quiet">Auditors read along and ask nothing.</Note>
      )}
    </>
  );
}
