import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";

import { ApiError } from "@/api/problem";
import { DraftNotice } from "@/components/FormSection";
import { Note } from "@/components/Note";
import { useDraft } from "@/hooks/useDraft";
import { useSubmit } from "@/hooks/useSubmit";
import classes from "./Dataset.module.css";
import type { TabProps } from "./Overview";
import { updateDataset } from "./queries";

export interface Edit<T> {
  value: T;
  set: (change: T | ((before: T) => T)) => void;
  /** Somebody else changed the same thing since this edit began: neither may be lost silently. */
  stale: boolean;
  /** Goes on with what was typed, over what is there now. */
  keep: () => void;
  /** Back to what is there now. */
  drop: () => void;
  clear: () => void;
  restored: boolean;
}

/** An edit of `present` that is kept as a draft, together with what it began from. */
export function useEdit<T>(name: string, present: T): Edit<T> {
  const draft = useDraft(name, { base: present, value: present });
  return {
    value: draft.value.value,
    set: (change) =>
      draft.set((before) => ({
        base: before.base,
        value:
          typeof change === "function" ? (change as (before: T) => T)(before.value) : change,
      })),
    stale: JSON.stringify(draft.value.base) !== JSON.stringify(present),
    keep: () => draft.set((before) => ({ base: present, value: before.value })),
    drop: () => draft.set({ base: present, value: present }),
    clear: draft.clear,
    restored: draft.restored,
  };
}

/** Above an edit: that it was brought back, or that somebody else was quicker. */
export function EditNotice({
  edit,
}: {
  edit: Pick<Edit<unknown>, "stale" | "keep" | "drop" | "restored">;
}) {
  if (!edit.stale) return <DraftNotice draft={{ restored: edit.restored, clear: edit.drop }} />;
  return (
    <div role="alert">
      <Note tone="wait">
        <strong>This was changed by somebody else while you were editing it.</strong>
        <div className={classes.row}>
          <Button variant="default" size="compact-md" onClick={edit.drop}>
            Take what is there now
          </Button>
          <Button variant="subtle" size="compact-md" onClick={edit.keep}>
            Keep mine, and replace it when I save
          </Button>
        </div>
      </Note>
    </div>
  );
}

/** Sends a change and has the page show it. */
export function useUpdate({ dataset, etag, onClose }: TabProps & { onClose: () => void }) {
  const client = useQueryClient();
  return useSubmit(async (body: Parameters<typeof updateDataset>[2], done: () => void) => {
    try {
      await updateDataset(dataset.name, etag, body);
    } catch (error) {
      // Somebody was quicker: see what is there now.
      if (error instanceof ApiError && error.status === 412) {
        await client.invalidateQueries({ queryKey: ["dataset", dataset.name], exact: true });
      }
      throw error;
    }
    done();
    onClose();
    await client.invalidateQueries({ queryKey: ["dataset", dataset.name] });
    await client.invalidateQueries({ queryKey: ["datasets"] });
  });
}
