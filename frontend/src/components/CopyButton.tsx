import { ActionIcon, Button } from "@mantine/core";
import { useState } from "react";

import { Icon } from "./Icon";

interface Props {
  value: string;
  /** What is copied: "Copy as Python". */
  label?: string;
  /** An icon with the label as its name, instead of a button with words. */
  compact?: boolean;
}

export function CopyButton({ value, label = "Copy", compact = false }: Props) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await toClipboard(value);
    setCopied(true);
    window.setTimeout(() => setCopied(false), 1600);
  };
  const icon = <Icon name={copied ? "check" : "copy"} size={16} />;
  if (!compact) {
    return (
      <Button variant="default" leftSection={icon} onClick={() => void copy()}>
        <span aria-live="polite">{copied ? "Copied" : label}</span>
      </Button>
    );
  }
  return (
    <ActionIcon
      size="sm"
      aria-label={copied ? "Copied" : label}
      title={label}
      onClick={() => void copy()}
    >
      {icon}
    </ActionIcon>
  );
}

async function toClipboard(value: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(value);
    return;
  }
  // Over plain http on another machine there is no clipboard API.
  const area = document.createElement("textarea");
  area.value = value;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
