import { Modal } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useMemo, useRef, useState, type KeyboardEvent } from "react";

import { api, unwrap } from "@/api/client";
import { Icon, type IconName } from "@/components/Icon";
import classes from "./CommandPalette.module.css";
import type { PageEntry } from "./pages";

interface Choice {
  id: string;
  group: string;
  label: string;
  hint?: string;
  icon: IconName;
  go: () => void;
}

const MOST = 6;

/** Type a few letters, choose, Enter: pages at once, datasets and requests from the site. */
export default function CommandPalette({
  pages,
  onClose,
}: {
  pages: PageEntry[];
  onClose: () => void;
}) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [asked] = useDebouncedValue(typed.trim(), 200);
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();

  const datasets = useQuery({
    queryKey: ["datasets", "palette", asked],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/datasets", { params: { query: search(asked) }, signal })),
    placeholderData: keepPreviousData,
  });
  const requests = useQuery({
    queryKey: ["requests", "palette", asked],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/requests", { params: { query: search(asked) }, signal })),
    placeholderData: keepPreviousData,
  });

  const choices = useMemo(() => {
    const has = (...words: string[]) =>
      words.some((word) => word.toLowerCase().includes(typed.trim().toLowerCase()));
    const open = (to: string) => () => {
      onClose();
      void navigate({ to });
    };
    const found: Choice[] = pages
      .filter((page) => has(page.label))
      .map((page) => ({
        id: page.to,
        group: "Pages",
        label: page.label,
        hint: `g ${page.key}`,
        icon: page.icon,
        go: open(page.to),
      }));
    for (const set of (datasets.data?.items ?? []).filter((one) => has(one.name, one.title)).slice(0, MOST)) {
      found.push({
        id: `dataset-${set.id}`,
        group: "Datasets",
        label: set.title || set.name,
        hint: set.name,
        icon: "table",
        go: open(`/datasets/${encodeURIComponent(set.name)}`),
      });
    }
    for (const one of (requests.data?.items ?? [])
      .filter((entry) => has(entry.purpose, entry.id, entry.dataset, entry.requester.name))
      .slice(0, MOST)) {
      found.push({
        id: `request-${one.id}`,
        group: "Requests",
        label: one.purpose || `A question about ${one.dataset}`,
        hint: `${one.requester.name}, ${one.dataset}`,
        icon: "requests",
        go: open(`/requests/${one.id}`),
      });
    }
    return found;
  }, [pages, typed, datasets.data, requests.data, navigate, onClose]);

  const current = Math.min(at, Math.max(0, choices.length - 1));
  const move = (to: number) => {
    const next = (to + choices.length) % Math.max(1, choices.length);
    setAt(next);
    list.current?.querySelector(`[data-at="${next}"]`)?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") move(current + 1);
    else if (event.key === "ArrowUp") move(current - 1);
    else if (event.key === "Enter") choices[current]?.go();
    else return;
    event.preventDefault();
  };

  return (
    <Modal.Root opened onClose={onClose} size="36rem" yOffset="12vh" centered={false}>
      <Modal.Overlay />
      <Modal.Content aria-label="Go to">
      <div className={classes.top}>
        <Icon name="search" size={20} />
        <input
          className={classes.input}
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={choices.length > 0 ? `${id}-${current}` : undefined}
          aria-label="Go to a page, dataset or request"
          placeholder="A page, dataset or request"
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
          data-autofocus
          autoComplete="off"
          spellCheck={false}
        />
      </div>
      <div ref={list} id={`${id}-list`} role="listbox" aria-label="Found" className={classes.list}>
        {choices.map((choice, index) => (
          <div key={choice.id} role="presentation">
            {choices[index - 1]?.group !== choice.group && (
              <div className={classes.group} role="presentation">
                {choice.group}
              </div>
            )}
            <div
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === current}
              tabIndex={-1}
              data-at={index}
              className={classes.choice}
              onMouseMove={() => setAt(index)}
              onClick={choice.go}
              onKeyDown={onKeyDown}
            >
              <Icon name={choice.icon} />
              <span className={classes.label}>{choice.label}</span>
              {choice.hint && <span className={classes.hint}>{choice.hint}</span>}
            </div>
          </div>
        ))}
        {choices.length === 0 && (
          <p className={classes.none} role="presentation">
            {datasets.isFetching || requests.isFetching
              ? "Searching…"
              : `Nothing is called “${typed.trim()}”.`}
          </p>
        )}
      </div>
      </Modal.Content>
    </Modal.Root>
  );
}

function search(q: string) {
  return { limit: 30, ...(q === "" ? {} : { q }) };
}
