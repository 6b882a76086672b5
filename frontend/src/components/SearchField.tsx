import { CloseButton, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

import { Icon } from "./Icon";

interface Props {
  label: string;
  value: string | undefined;
  /** Called a moment after the last key: put it in the address with `replace`. */
  onChange: (value: string | undefined) => void;
}

/** A search box whose text lives in the address. */
export function SearchField({ label, value = "", onChange }: Props) {
  const [typed, setTyped] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    // The address changed by other means: the back button, "clear".
    if (value !== told.current) {
      told.current = value;
      setTyped(value);
    }
  }, [value]);
  useEffect(() => {
    if (typed === told.current) return;
    const timer = window.setTimeout(() => {
      told.current = typed;
      onChange(typed === "" ? undefined : typed);
    }, 250);
    return () => window.clearTimeout(timer);
  }, [typed, onChange]);
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={label}
      leftSection={<Icon name="search" />}
      rightSection={
        typed === "" ? null : (
          <CloseButton size="sm" aria-label="Clear the search" onClick={() => setTyped("")} />
        )
      }
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
    />
  );
}
