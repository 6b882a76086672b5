import { Button, Modal, Stack, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { fieldError } from "@/api/problem";
import { cursorList } from "@/api/queries";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable, type DataColumn } from "@/components/DataTable";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorState";
import { Time } from "@/components/Time";
import { useSubmit } from "@/hooks/useSubmit";
import { targetOf, targetWords, type AskForm, type Dataset } from "./form";
import classes from "./Ask.module.css";

export type Saved = Schemas["SavedQuery"];

/** Questions kept for later; nobody else sees them. */
export function SavedQueries({ onLoad }: { onLoad: (saved: Saved) => void }) {
  const [renaming, setRenaming] = useState<Saved | null>(null);
  const [deleting, setDeleting] = useState<Saved | null>(null);
  const client = useQueryClient();
  const list = useInfiniteQuery(
    cursorList(["saved-queries"], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/saved_queries", { params: { query: { limit: 20, cursor } }, signal }),
      ),
    ),
  );
  const columns = useMemo(
    () => columnsOf({ load: onLoad, rename: setRenaming, remove: setDeleting }),
    [onLoad],
  );
  return (
    <>
      <DataTable
        label="saved questions"
        columns={columns}
        list={list}
        rowKey={(row) => row.id}
        empty={
          <EmptyState title="Nothing saved yet">
            Press “Save” beside a question to keep it here under a name. Only you see what you save.
          </EmptyState>
        }
      />
      {renaming && (
        <NameDialog
          title="Rename this question"
          does="Rename"
          name={renaming.name}
          onName={(name) =>
            unwrap(
              api.PATCH("/api/v1/saved_queries/{query_id}", {
                params: { path: { query_id: renaming.id } },
                body: { name },
              }),
            )
          }
          onClose={() => setRenaming(null)}
        />
      )}
      {deleting && (
        <ConfirmDialog
          title={`Delete “${deleting.name}”?`}
          confirm="Delete"
          danger
          onConfirm={async () => {
            await unwrap(
              api.DELETE("/api/v1/saved_queries/{query_id}", {
                params: { path: { query_id: deleting.id } },
              }),
            );
            await client.invalidateQueries({ queryKey: ["saved-queries"] });
            setDeleting(null);
          }}
          onClose={() => setDeleting(null)}
        >
          <p>Only what you kept here goes; what you asked stays asked, with its answers.</p>
        </ConfirmDialog>
      )}
    </>
  );
}

interface Does {
  load: (saved: Saved) => void;
  rename: (saved: Saved) => void;
  remove: (saved: Saved) => void;
}

function columnsOf(does: Does): DataColumn<Saved>[] {
  return [
    {
      id: "name",
      header: "Name",
      main: true,
      cell: (row) => <strong>{row.name}</strong>,
    },
    { id: "dataset", header: "Dataset", cell: (row) => row.dataset },
    { id: "sql", header: "Question", cell: (row) => <code className={classes.row}>{row.sql}</code> },
    { id: "target", header: "Privacy", width: "6rem", cell: (row) => targetWords(row.target) },
    {
      id: "changed",
      header: "Changed",
      width: "9rem",
      cell: (row) => <Time at={row.updated_at} />,
    },
    {
      id: "does",
      header: "Do",
      width: "15rem",
      cell: (row) => (
        <span className={classes.rowActions}>
          <Button
            variant="default"
            size="compact-sm"
            aria-label={`Open ${row.name}`}
            onClick={() => does.load(row)}
          >
            Open
          </Button>
          <Button
            variant="subtle"
            size="compact-sm"
            aria-label={`Rename ${row.name}`}
            onClick={() => does.rename(row)}
          >
            Rename
          </Button>
          <Button
            variant="subtle"
            color="brick"
            size="compact-sm"
            aria-label={`Delete ${row.name}`}
            onClick={() => does.remove(row)}
          >
            Delete
          </Button>
        </span>
      ),
    },
  ];
}

/** Keeps the form's question: under a new name, or in place of the one it came from. */
export function SaveButtons({
  dataset,
  form,
  onSaved,
}: {
  dataset: Dataset;
  form: AskForm;
  onSaved: (saved: Saved) => void;
}) {
  const [naming, setNaming] = useState(false);
  const client = useQueryClient();
  const question = { dataset: dataset.id, sql: form.sql, target: targetOf(form) };
  const update = useSubmit(async (id: string) => {
    onSaved(
      await unwrap(
        api.PATCH("/api/v1/saved_queries/{query_id}", {
          params: { path: { query_id: id } },
          body: question,
        }),
      ),
    );
    await client.invalidateQueries({ queryKey: ["saved-queries"] });
  });
  const nothing = form.sql.trim() === "";
  return (
    <>
      {form.saved && (
        <Button
          variant="default"
          size="compact-md"
          disabled={nothing}
          loading={update.busy}
          onClick={() => void update.submit(form.saved ?? "")}
        >
          Save changes
        </Button>
      )}
      <Button
        variant="default"
        size="compact-md"
        disabled={nothing}
        onClick={() => setNaming(true)}
      >
        {form.saved ? "Save as new" : "Save"}
      </Button>
      {update.error && <ErrorNote error={update.error} />}
      {naming && (
        <NameDialog
          title="Save this question"
          does="Save"
          name=""
          onName={async (name) =>
            onSaved(
              await unwrap(api.POST("/api/v1/saved_queries", { body: { name, ...question } })),
            )
          }
          onClose={() => setNaming(false)}
        />
      )}
    </>
  );
}

function NameDialog({
  title,
  does,
  name: before,
  onName,
  onClose,
}: {
  title: string;
  does: string;
  name: string;
  onName: (name: string) => Promise<unknown>;
  onClose: () => void;
}) {
  const [name, setName] = useState(before);
  const client = useQueryClient();
  const { submit, busy, error } = useSubmit(async () => {
    await onName(name.trim());
    await client.invalidateQueries({ queryKey: ["saved-queries"] });
    onClose();
  });
  const field = fieldError(error, "name");
  return (
    <Modal opened onClose={onClose} title={title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          event.stopPropagation();
          void submit();
        }}
      >
        <Stack gap="md">
          <TextInput
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maxLength={100}
            required
            withAsterisk={false}
            error={field}
            data-autofocus
          />
          {error && !field && <ErrorNote error={error} />}
          <Button type="submit" loading={busy}>
            {does}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
