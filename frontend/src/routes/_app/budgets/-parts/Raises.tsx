import type { components } from "@/api/schema";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { formatEpsilon } from "@/lib/format";
import type { Account } from "./accounts";

type LimitChange = components["schemas"]["LimitChange"];

const COLUMNS: DataColumn<LimitChange>[] = [
  { id: "at", header: "When", main: true, cell: (change) => <Time at={change.at} absolute /> },
  {
    id: "epsilon",
    header: "To epsilon",
    numeric: true,
    cell: (change) => formatEpsilon(change.limits.epsilon),
  },
  { id: "reason", header: "Reason", cell: (change) => change.reason },
  {
    id: "after",
    header: "After answers were seen",
    cell: (change) => (change.after_answers ? "Yes" : "No"),
  },
];

/** Each raise of the limit and why; nothing where there was none. */
export function Raises({ account }: { account: Account }) {
  const raised = account.raised ?? [];
  if (raised.length === 0) return null;
  return (
    <Section title="Raises of the limit">
      <DataTable
        label="raises"
        rows={raised}
        rowKey={(change) => change.at}
        columns={COLUMNS}
      />
    </Section>
  );
}
