import { TextInput } from "@mantine/core";

import { CopyButton } from "./CopyButton";
import classes from "./SecretField.module.css";

/** A link, key or token that is shown this once: whole, selectable, and to copy. */
export function SecretField({
  label,
  value,
  copy = "Copy the link",
}: {
  label: string;
  value: string;
  copy?: string;
}) {
  return (
    <div className={classes.field}>
      <TextInput
        aria-label={label}
        value={value}
        readOnly
        data-autofocus
        onFocus={(event) => event.currentTarget.select()}
        styles={{ input: { fontFamily: "var(--c-font-mono)", fontSize: "0.8125rem" } }}
      />
      <CopyButton value={value} label={copy} />
    </div>
  );
}
