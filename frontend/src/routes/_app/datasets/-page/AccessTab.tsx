import { Button, SegmentedControl, Select, Stack } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";
import { useSession } from "@/api/session";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { PersonName } from "@/components/PersonName";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useSubmit } from "@/hooks/useSubmit";
import { plural } from "@/lib/format";
import { can } from "@/lib/roles";
import classes from "./Dataset.module.css";
import type { TabProps } from "./Overview";
import { groupsQuery, type Dataset } from "./queries";

type Grant = components["schemas"]["AccessGrant"];
type GroupAccess = components["schemas"]["GroupAccess"];

const COLUMNS: DataColumn<Grant>[] = [
  {
    id: "who",
    header: "Person",
    main: true,
    cell: (row) => <PersonName person={row} full withInitials />,
    sort: (row) => row.name,
  },
  {
    id: "since",
    header: "Since",
    cell: (row) => <Time at={row.granted_at} />,
    sort: (row) => row.granted_at,
  },
];

function takeColumn(take: (grant: Grant) => void): DataColumn<Grant> {
  return {
    id: "take",
    header: "Change",
    cell: (row) => (
      <Button
        variant="subtle"
        color="brick"
        size="compact-md"
        onClick={() => take(row)}
      >
        Take away
        <span className="visually-hidden"> the access of {row.name}</span>
      </Button>
    ),
  };
}

/** Who may ask, and giving and taking it. */
export default function AccessTab({ dataset }: TabProps) {
  const { user } = useSession();
  const client = useQueryClient();
  const owner = can(user.role, "manageDatasets");
  const [taking, setTaking] = useState<Grant | null>(null);
  const access = useQuery({
    queryKey: ["dataset", dataset.name, "access"],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/datasets/{dataset}/access", {
          params: { path: { dataset: dataset.name } },
          signal,
        }),
      ),
  });
  const refresh = () => client.invalidateQueries({ queryKey: ["dataset", dataset.name] });
  const columns = owner ? [...COLUMNS, takeColumn(setTaking)] : COLUMNS;
  return (
    <>
      {owner && (
        <Section
          title="Give access"
          lead={`With access comes a budget at ${dataset.population_name}, and the made-up rows to try things on. Nobody ever gets a private row.`}
        >
          <Give dataset={dataset} has={access.data ?? []} onGiven={refresh} />
        </Section>
      )}
      <Section title="Who may ask">
        {access.isPending ? (
          <LoadingState what="access" />
        ) : access.isError ? (
          <ErrorState error={access.error} onRetry={() => void access.refetch()} />
        ) : (
          <DataTable
            label="people with access"
            columns={columns}
            rows={access.data}
            rowKey={(row) => row.user_id}
            rowLink={(row) => ({ to: "/people/$person", params: { person: row.user_id } })}
            empty={
              <EmptyState title="Nobody yet">
                {owner
                  ? "Give a person or a group access above. Owners need it too, before they ask."
                  : "An owner gives access."}
              </EmptyState>
            }
          />
        )}
      </Section>
      {taking && (
        <ConfirmDialog
          title={`Take access from ${taking.name}?`}
          confirm="Take away"
          danger
          onClose={() => setTaking(null)}
          onConfirm={async () => {
            await unwrap(
              api.DELETE("/api/v1/datasets/{dataset}/access/{user_id}", {
                params: { path: { dataset: dataset.name, user_id: taking.user_id } },
              }),
            );
            await refresh();
          }}
        >
          It ends at once: nothing more is answered, and {dataset.name} is no longer shown to them.
          What they spent stays spent, and answers they have stay with them.
        </ConfirmDialog>
      )}
    </>
  );
}

function Give({
  dataset,
  has,
  onGiven,
}: {
  dataset: Dataset;
  has: readonly Grant[];
  onGiven: () => Promise<void>;
}) {
  const [kind, setKind] = useState<"person" | "group">("person");
  const [chosen, setChosen] = useState<string | null>(null);
  const [typed, setTyped] = useState("");
  const [words] = useDebouncedValue(typed, 250);
  const [given, setGiven] = useState<string | null>(null);
  const [skipped, setSkipped] = useState<GroupAccess["skipped"]>([]);
  const people = useQuery({
    queryKey: ["people", "to-give", words],
    enabled: kind === "person",
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      (
        await unwrap(
          api.GET("/api/v1/users", {
            params: { query: { q: words || undefined, active: true, limit: 20 } },
            signal,
          }),
        )
      ).items,
  });
  const groups = useQuery({ ...groupsQuery, enabled: kind === "group" });
  const { submit, busy, error, forget } = useSubmit(async () => {
    if (chosen === null) return;
    const answer = await unwrap(
      api.PUT("/api/v1/datasets/{dataset}/access", {
        params: { path: { dataset: dataset.name } },
        body: kind === "person" ? { user: chosen } : { group: chosen },
      }),
    );
    if ("given" in answer) {
      setGiven(`${plural(answer.given.length, "person", "people")} now have access.`);
      setSkipped(answer.skipped);
    } else {
      setGiven(`${answer.name} now has access.`);
      setSkipped([]);
    }
    setChosen(null);
    setTyped("");
    await onGiven();
  });
  const already = new Set(has.map((grant) => grant.user_id));
  const choices =
    kind === "person"
      ? (people.data ?? [])
          .filter((person) => person.role !== "auditor")
          .map((person) => ({
            value: person.id,
            label: `${person.name} (${person.email})`,
            disabled: already.has(person.id),
          }))
      : (groups.data ?? []).map((group) => ({
          value: group.id,
          label: `${group.name}, ${plural(group.size, "person", "people")}`,
        }));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Stack gap="sm" maw="40rem">
        <SegmentedControl
          aria-label="To whom"
          value={kind}
          onChange={(value) => {
            setKind(value === "group" ? "group" : "person");
            setChosen(null);
            setTyped("");
            forget();
          }}
          data={[
            { value: "person", label: "A person" },
            { value: "group", label: "A group" },
          ]}
          style={{ alignSelf: "flex-start" }}
        />
        <div className={classes.row}>
          <Select
            key={kind}
            aria-label={kind === "person" ? "Person" : "Group"}
            placeholder={kind === "person" ? "Name or e-mail" : "Name of the group"}
            searchable
            value={chosen}
            onChange={setChosen}
            searchValue={typed}
            onSearchChange={setTyped}
            // The site has searched already; a chosen label is no search of its own.
            filter={kind === "person" ? ({ options }) => options : undefined}
            data={choices}
            nothingFoundMessage={kind === "person" ? "Nobody of that name" : "No group of that name"}
            style={{ flex: "1 1 16rem" }}
          />
          <Button type="submit" loading={busy} disabled={chosen === null}>
            Give access
          </Button>
        </div>
        {kind === "group" && (
          <p className="soft">
            Everybody who is in the group now gets access. Whoever joins it later does not.
          </p>
        )}
        {error && <ErrorNote error={error} />}
        <div role="status">{given && <Note tone="good">{given}</Note>}</div>
        {skipped.length > 0 && (
          <Note tone="wait">
            Not given to:
            <ul>
              {skipped.map((one) => (
                <li key={one.user_id}>
                  {one.name}: {one.reason}
                </li>
              ))}
            </ul>
          </Note>
        )}
      </Stack>
    </form>
  );
}
