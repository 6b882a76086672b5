/** Choosing a dataset or a person for a filter: found by what is typed, kept in the address. */

import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";

interface PickerProps {
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  label?: string;
  placeholder?: string;
}

interface Choice {
  value: string;
  label: string;
}

interface AnyProps extends PickerProps {
  label: string;
  placeholder: string;
  kind: string;
  find: (q: string | undefined, signal: AbortSignal) => Promise<Choice[]>;
  /** What to call a value that came with the address; itself, without this. */
  nameOf?: (value: string, signal: AbortSignal) => Promise<string>;
}

function Picker({ value, onChange, label, placeholder, kind, find, nameOf }: AnyProps) {
  const [typed, setTyped] = useState("");
  const [asked] = useDebouncedValue(typed, 200);
  // What is chosen stands in the box; it is not a search of its own.
  const q = asked === "" || asked === value ? undefined : asked;
  const found = useQuery({
    queryKey: [kind, "picker", q],
    queryFn: ({ signal }) => find(q, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const choices = found.data ?? [];
  const known = value === undefined || choices.some((choice) => choice.value === value);
  const named = useQuery({
    queryKey: [kind, "picked", value],
    queryFn: ({ signal }) => nameOf?.(value ?? "", signal) ?? "",
    enabled: nameOf !== undefined && value !== undefined && found.isSuccess && !known,
    staleTime: 5 * 60_000,
    retry: false,
  });
  return (
    <Select
      aria-label={label}
      placeholder={placeholder}
      searchable
      clearable
      value={value ?? null}
      onChange={(chosen) => onChange(chosen ?? undefined)}
      onSearchChange={setTyped}
      data={known ? choices : [...choices, { value, label: named.data || value }]}
      filter={({ options }) => options}
      nothingFoundMessage={found.isFetching ? "Searching…" : "Nothing found"}
      clearButtonProps={{ "aria-label": `Clear: ${label}` }}
      comboboxProps={{ shadow: "md" }}
    />
  );
}

/** By name. */
export function DatasetPicker({
  label = "Dataset",
  placeholder = "Any dataset",
  ...props
}: PickerProps) {
  return (
    <Picker
      {...props}
      label={label}
      kind="datasets"
      placeholder={placeholder}
      find={async (q, signal) => {
        const query = { limit: 20, ...(q === undefined ? {} : { q }) };
        const page = await unwrap(api.GET("/api/v1/datasets", { params: { query }, signal }));
        return page.items.map(({ name }) => ({ value: name, label: name }));
      }}
    />
  );
}

async function nameOfPerson(id: string, signal: AbortSignal): Promise<string> {
  const params = { path: { user_id: id } };
  const person = await unwrap(api.GET("/api/v1/users/{user_id}", { params, signal }));
  return `${person.name} (${person.email})`;
}

/** By e-mail, or by id; for those who may see people. */
export function PersonPicker({
  label = "Person",
  by = "email",
  placeholder = "Anybody",
  ...props
}: PickerProps & { by?: "email" | "id" }) {
  return (
    <Picker
      {...props}
      label={label}
      kind={by === "email" ? "people" : "people-by-id"}
      placeholder={placeholder}
      {...(by === "id" ? { nameOf: nameOfPerson } : {})}
      find={async (q, signal) => {
        const query = { limit: 20, ...(q === undefined ? {} : { q }) };
        const page = await unwrap(api.GET("/api/v1/users", { params: { query }, signal }));
        return page.items.map((person) => ({
          value: person[by],
          label: `${person.name} (${person.email})`,
        }));
      }}
    />
  );
}
