import { Button, Group, Stack } from "@mantine/core";

import { Note } from "@/components/Note";

/** That the request has changed since its form was filled: nothing is overwritten unseen. */
export function StaleNote({ onGoOn }: { onGoOn: () => void }) {
  return (
    <Note tone="wait">
      <Stack gap="xs" align="flex-start">
        <span>The request has changed since you began to edit it.</span>
        <Button variant="default" size="sm" onClick={onGoOn}>
          Go on with what I typed
        </Button>
      </Stack>
    </Note>
  );
}

interface Props {
  busy: boolean;
  disabled: boolean;
  onDone: () => void;
}

/** Sends what was edited, or leaves it for now. */
export function SendAgain({ busy, disabled, onDone }: Props) {
  return (
    <Group gap="sm">
      <Button type="submit" loading={busy} disabled={disabled}>
        Send it again
      </Button>
      <Button variant="default" onClick={onDone} disabled={busy}>
        Not now
      </Button>
      <span className="soft">The conversation stays; earlier votes no longer count.</span>
    </Group>
  );
}
