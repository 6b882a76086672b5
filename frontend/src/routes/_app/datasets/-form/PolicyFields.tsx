import { Checkbox, MultiSelect, NumberInput, Stack, Switch, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { groupsQuery } from "../-page/queries";
import { KIND_WORDS, KINDS, type PolicyErrors, type PolicyForm } from "./policy";

interface Props {
  form: PolicyForm;
  set: (part: Partial<PolicyForm>) => void;
  errors: PolicyErrors;
}

/** Who has to say yes before something is answered. */
export function PolicyFields({ form, set, errors }: Props) {
  const groups = useQuery(groupsQuery);
  return (
    <Stack gap="md">
      <Checkbox.Group
        label="What may be asked"
        value={form.kinds}
        onChange={(kinds) => set({ kinds: KINDS.filter((kind) => kinds.includes(kind)) })}
      >
        <Stack gap="xs" mt="xs">
          {KINDS.map((kind) => (
            <Checkbox key={kind} value={kind} label={KIND_WORDS[kind]} />
          ))}
        </Stack>
      </Checkbox.Group>
      <Switch
        label="Answer small questions at once"
        description="Nobody reads them; the asker's budget alone limits them."
        checked={form.automatic}
        onChange={(event) => set({ automatic: event.currentTarget.checked })}
      />
      {form.automatic && (
        <TextInput
          label="Small means at most this share of the asker's budget"
          description="For one question, in percent. 5 % means twenty such questions at most."
          inputMode="decimal"
          maw="20rem"
          rightSection="%"
          value={form.share}
          onChange={(event) => set({ share: event.currentTarget.value })}
          error={errors.share}
        />
      )}
      <NumberInput
        label="Reviewers who have to approve everything else"
        description="Different people, none of them the asker"
        maw="20rem"
        min={1}
        max={10}
        allowDecimal={false}
        value={form.reviewers === "" ? "" : Number(form.reviewers)}
        onChange={(value) => set({ reviewers: String(value) })}
        error={errors.reviewers}
      />
      {form.kinds.includes("code") && (
        <NumberInput
          label="Reviewers who let go what code returned"
          description="Left empty: as many as approve"
          maw="20rem"
          min={1}
          max={10}
          allowDecimal={false}
          value={form.release === "" ? "" : Number(form.release)}
          onChange={(value) => set({ release: String(value) })}
          error={errors.release}
        />
      )}
      <MultiSelect
        label="Groups that have to be among them"
        description="At least one approval from each, such as a clinic's own data board"
        placeholder={form.groups.length === 0 ? "None" : ""}
        data={(groups.data ?? []).map((group) => ({ value: group.id, label: group.name }))}
        value={form.groups}
        onChange={(chosen) => set({ groups: chosen })}
        searchable
        maxValues={10}
        nothingFoundMessage={
          (groups.data ?? []).length === 0 ? "There are no groups yet" : "No group of that name"
        }
      />
      {groups.data?.length === 0 && (
        <p className="soft">
          Groups are made under{" "}
          <Link to="/people">
            People
          </Link>
          .
        </p>
      )}
      <NumberInput
        label="Days until a request that nobody answers lapses"
        maw="20rem"
        min={1}
        max={365}
        allowDecimal={false}
        value={form.days === "" ? "" : Number(form.days)}
        onChange={(value) => set({ days: String(value) })}
        error={errors.days}
      />
    </Stack>
  );
}
