import { Button, Group, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import type { ApiError } from "@/api/problem";
import type { Draft } from "@/hooks/useDraft";
import { ErrorNote } from "./ErrorState";
import { DraftNotice } from "./FormSection";

interface Props {
  children: ReactNode;
  /** What the button that sends it says. */
  action?: string;
  busy: boolean;
  error: ApiError | null;
  disabled?: boolean;
  /** Where what was typed is kept; a dialog that came back with it says so. */
  draft?: Pick<Draft<unknown>, "restored" | "clear">;
  onClose: () => void;
  onSubmit: () => unknown;
}

/** A dialog's form: its fields, what went wrong, and the two buttons. */
export function DialogForm({
  children,
  action = "Save",
  busy,
  error,
  disabled = false,
  draft,
  onClose,
  onSubmit,
}: Props) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void onSubmit();
      }}
    >
      {draft && <DraftNotice draft={draft} />}
      <Stack gap="md">
        {children}
        {error && <ErrorNote error={error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={disabled}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
