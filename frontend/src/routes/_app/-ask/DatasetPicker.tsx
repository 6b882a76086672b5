import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import type { Dataset } from "./form";

interface Props {
  dataset: Dataset | undefined;
  onPick: (name: string) => void;
  error?: string | undefined;
}

export function labelOf(dataset: Dataset): string {
  return dataset.title ? `${dataset.title} (${dataset.name})` : dataset.name;
}

/** The datasets that answer, found by words in their name, title, description or columns. */
export function DatasetPicker({ dataset, onPick, error }: Props) {
  const chosen = dataset ? labelOf(dataset) : "";
  const [typed, setTyped] = useState(chosen);
  const words = typed === chosen ? "" : typed.trim();
  const [settled] = useDebouncedValue(words, 200);
  const found = useQuery({
    queryKey: ["datasets", "to-ask", settled],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/datasets", {
          params: { query: { ready: true, limit: 30, ...(settled ? { q: settled } : {}) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
  const listed = (found.data?.items ?? []).filter(({ accessible }) => accessible);
  const options = dataset && !listed.some(({ id }) => id === dataset.id) ? [dataset, ...listed] : listed;
  return (
    <Select
      label="Dataset"
      error={error}
      placeholder="Choose what to ask of"
      value={dataset?.name ?? null}
      onChange={(name) => name && onPick(name)}
      searchable
      searchValue={typed}
      onSearchChange={setTyped}
      onDropdownClose={() => setTyped(chosen)}
      filter={({ options: all }) => all} // the site has searched
      data={options.map((each) => ({ value: each.name, label: labelOf(each) }))}
      nothingFoundMessage={
        found.isPending ? "Looking …" : settled ? "No dataset has these words" : "None that answers yet"
      }
      allowDeselect={false}
      maxDropdownHeight={320}
    />
  );
}
