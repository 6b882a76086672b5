import { Button, Group, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { useSession } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { Section } from "@/components/Section";
import { useFilters } from "@/hooks/useFilters";
import { can } from "@/lib/roles";
import {
  policyChanges,
  policyErrors,
  policyForm,
  policyOf,
  policySentences,
  type DatasetPolicy,
  type PolicyForm,
} from "../-form/policy";
import { PolicyFields } from "../-form/PolicyFields";
import type { TabProps } from "./Overview";
import { groupsQuery } from "./queries";
import classes from "./Rules.module.css";
import { EditNotice, useEdit, useUpdate } from "./useEdit";

/** A group's name by its id, for those who may read groups. */
function useGroupNames(): (id: string) => string {
  const { user } = useSession();
  const groups = useQuery({ ...groupsQuery, enabled: can(user.role, "seePeople") });
  return (id) => groups.data?.find((group) => group.id === id)?.name ?? "a group of reviewers";
}

export default function RulesTab({ dataset, etag }: TabProps) {
  const { user } = useSession();
  const owner = can(user.role, "manageDatasets");
  const { filters, setFilters } = useFilters<{ edit: string | undefined }>();
  const named = useGroupNames();
  if (owner && filters.edit === "rules") {
    return (
      <EditRules
        dataset={dataset}
        etag={etag}
        named={named}
        onClose={() => setFilters({ edit: undefined })}
      />
    );
  }
  return (
    <Section
      title="Who has to say yes"
      lead="What may be answered without a person, and how many people it takes otherwise."
      actions={
        owner && (
          <Button variant="default" onClick={() => setFilters({ edit: "rules" })}>
            Change the rules
          </Button>
        )
      }
    >
      <Sentences policy={dataset.policy} named={named} />
    </Section>
  );
}

export function Sentences({
  policy,
  named,
}: {
  policy: DatasetPolicy;
  named: (id: string) => string;
}) {
  return (
    <dl className={classes.rules}>
      {policySentences(policy, named).map(([title, words]) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>{words}</dd>
        </div>
      ))}
    </dl>
  );
}

function EditRules(props: TabProps & { named: (id: string) => string; onClose: () => void }) {
  const { dataset, named, onClose } = props;
  const edit = useEdit(`dataset:${dataset.id}:rules`, policyForm(dataset.policy));
  const form = edit.value;
  const set = (part: Partial<PolicyForm>) => edit.set((before) => ({ ...before, ...part }));
  const errors = policyErrors(form);
  const wrong = Object.keys(errors).length > 0;
  const changes = wrong ? [] : policyChanges(dataset.policy, policyOf(form), named);
  const { submit, busy, error } = useUpdate(props);
  return (
    <Section title="Change the rules">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!wrong) void submit({ policy: policyOf(form) }, edit.clear);
        }}
      >
        <Stack gap="md" maw="40rem">
          <EditNotice edit={edit} />
          <PolicyFields form={form} set={set} errors={errors} />
          <div role="status" aria-label="What this changes">
            {changes.length > 0 ? (
              <Note tone="wait">
                <strong>What this changes</strong>
                <ul className={classes.changes}>
                  {changes.map((words) => (
                    <li key={words}>{words}</li>
                  ))}
                </ul>
              </Note>
            ) : (
              !wrong && <Note tone="quiet">Nothing is changed yet.</Note>
            )}
          </div>
          {error && <ErrorNote error={error} />}
          <Group gap="sm">
            <Button type="submit" loading={busy} disabled={changes.length === 0 || edit.stale}>
              Save the rules
            </Button>
            <Button
              variant="default"
              disabled={busy}
              onClick={() => {
                edit.clear();
                onClose();
              }}
            >
              Cancel
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
