import { Button } from "@mantine/core";
import { useMemo } from "react";

import { usePreviewItem, type Transform } from "@/api/code";
import { ItemContent } from "@/components/code/ItemContent";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { plural } from "@/lib/format";
import classes from "./outputs.module.css";

interface Props {
  runId: string;
  change: Transform;
}

/** An item as it would leave, from the site: rounded and taken out by the rule by which it leaves. */
export function Preview({ runId, change }: Props) {
  const preview = usePreviewItem(runId);
  const shown = preview.data;
  const bytes = useMemo(() => new TextEncoder().encode(shown?.content ?? ""), [shown]);
  return (
    <div className={classes.preview} role="group" aria-label={`${change.item} as it would leave`}>
      {!shown && (
        <Button
          variant="default"
          size="compact-md"
          loading={preview.isPending}
          onClick={() => preview.mutate(change)}
        >
          Show {change.item} as it would leave
        </Button>
      )}
      {preview.error && <ErrorNote error={preview.error} />}
      {shown && (
        <>
          <h4>As it would leave</h4>
          <ItemContent
            item={{ ...shown.item, name: `${shown.item.name} as it would leave` }}
            bytes={bytes}
          />
          {shown.left_alone > 0 && (
            <Note tone="wait">
              {plural(shown.left_alone, "number")} in names and texts stay as they are: rounding
              leaves those alone.
            </Note>
          )}
        </>
      )}
    </div>
  );
}
