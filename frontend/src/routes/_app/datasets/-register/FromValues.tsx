import { Button, Checkbox, Stack } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

import { ApiError } from "@/api/problem";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { useSubmit } from "@/hooks/useSubmit";
import { formatCount, plural } from "@/lib/format";
import { roundly } from "../-files/propose";
import { scanValues, type Scan } from "../-files/read";
import { domainOf } from "../-form/table";
import { said } from "../-upload/said";
import type { Registration } from "./form";
import classes from "./Register.module.css";

interface Props {
  form: Registration;
  set: (part: Partial<Registration>) => void;
  file: File | null;
}

/** Types and ranges from the values, once the owner has read what that gives away. */
export function FromValues({ form, set, file }: Props) {
  const [agreed, setAgreed] = useState(false);
  const [rows, setRows] = useState(0);
  const [told, setTold] = useState<string | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const latest = useRef(form);
  useEffect(() => {
    latest.current = form;
  });
  const { submit, busy, error } = useSubmit(async () => {
    if (file === null || form.file === null) return;
    setTold(null);
    setRows(0);
    abort.current = new AbortController();
    try {
      const scan = await scanValues(
        file,
        form.file.header,
        form.table.unit,
        setRows,
        abort.current.signal,
      );
      const { table, kept } = applied(latest.current, scan);
      set({ table });
      setTold(
        kept === 0
          ? "Every column has a proposal now. Widen each to what is possible, not only what is there."
          : `${plural(kept, "column")} stayed as they were: they hold texts of too many kinds, or nothing. Leave them out, or list their values.`,
      );
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") return;
      if (cause instanceof ApiError) throw cause;
      throw said(
        "The file cannot be read to its end.",
        form.file.header.format === "parquet"
          ? "It may be damaged, or it was changed."
          : "It may not be UTF-8, or it was changed.",
      );
    }
  });
  return (
    <details className={classes.consent}>
      <summary>Propose types and ranges from the values</summary>
      <Stack gap="md" pt="md">
        <Note tone="wait">
          <strong>This makes private facts public.</strong> The smallest and largest value of a
          column belong to somebody, and a rare value in a list may stand for one person. Once you
          save them, everybody with access can read them, and no privacy budget covers that. Numbers
          are rounded outwards to lessen it. Better is to write what is possible, from what you know:
          an age lies between 0 and 120, whatever the oldest person here is.
        </Note>
        <p className="soft">
          The values are read in this browser. Nothing is sent, and you can change every proposal. The
          rough sizes of the next step are proposed too, to one digit.
        </p>
        <Checkbox
          label="I understand that these ranges and lists tell something of the people in the file"
          checked={agreed}
          onChange={(event) => setAgreed(event.currentTarget.checked)}
        />
        <div>
          {busy ? (
            <Button variant="default" onClick={() => abort.current?.abort()}>
              Stop ({formatCount(rows)} rows read)
            </Button>
          ) : (
            <Button
              variant="default"
              disabled={!agreed || file === null}
              onClick={() => void submit()}
            >
              Read the values and propose
            </Button>
          )}
        </div>
        {file === null && (
          <p className="soft">Choose the file again in the first step to use this.</p>
        )}
        {error && <ErrorNote error={error} />}
        <div role="status">{told && <Note tone="good">{told}</Note>}</div>
      </Stack>
    </details>
  );
}

/** The form with the proposals in it; what was typed by hand stays. */
function applied(form: Registration, scan: Scan) {
  let kept = 0;
  const columns = form.table.columns.map((column) => {
    if (column.from === "hand" || column.name === form.table.unit) return column;
    const proposal = scan.proposals.get(column.name);
    if (!proposal) {
      kept += 1;
      return column;
    }
    return {
      ...column,
      ...domainOf(proposal),
      nullable: scan.missing.has(column.name) || column.nullable,
      from: "values" as const,
    };
  });
  const table = {
    ...form.table,
    columns,
    rows: form.table.rows === "" ? String(roundly(scan.rows)) : form.table.rows,
    units:
      form.table.units === "" && form.table.unit !== ""
        ? String(Math.min(roundly(scan.units), roundly(scan.rows)))
        : form.table.units,
  };
  return { table, kept };
}
