import { Modal, Switch } from "@mantine/core";
import { Fragment, useState } from "react";

import { lettersOn, setLettersOn, useShortcutGroups } from "@/hooks/useShortcuts";
import classes from "./ShortcutsHelp.module.css";

const NAMES: Record<string, string> = {
  mod: /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl",
  Enter: "Enter",
  Escape: "Esc",
  ArrowUp: "↑",
  ArrowDown: "↓",
};

export default function ShortcutsHelp({ onClose }: { onClose: () => void }) {
  const groups = useShortcutGroups().filter((group) => group.shortcuts.length > 0);
  const [letters, setLetters] = useState(lettersOn());
  return (
    <Modal opened onClose={onClose} title="Keyboard shortcuts" size="40rem">
      <div className={classes.groups}>
        {groups.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl className={classes.list}>
              {group.shortcuts.map((shortcut) => (
                <div key={shortcut.keys} className={classes.row}>
                  <dt>{shortcut.does}</dt>
                  <dd>
                    <Keys keys={shortcut.keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <Switch
        mt="lg"
        label="Shortcuts of single letters"
        description="Turn them off if you steer by voice. Those with Ctrl stay."
        checked={letters}
        onChange={(event) => {
          setLettersOn(event.currentTarget.checked);
          setLetters(event.currentTarget.checked);
        }}
      />
    </Modal>
  );
}

export function Keys({ keys }: { keys: string }) {
  return (
    <span className={classes.keys}>
      {keys.split(" ").map((step, index) => (
        <Fragment key={step}>
          {index > 0 && <span> then </span>}
          {step.split("+").map((key) => (
            <kbd key={key}>{NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key)}</kbd>
          ))}
        </Fragment>
      ))}
    </span>
  );
}
