import { Button, FileButton } from "@mantine/core";
import { useState, type ReactNode } from "react";

import { Icon } from "@/components/Icon";
import { ACCEPTED } from "../-files/read";
import classes from "./UploadPanel.module.css";

interface Props {
  title: string;
  children?: ReactNode;
  /** On the button: "Choose a file". */
  choose?: string;
  onFile: (file: File) => void;
}

/** A place to drop a file on, and a button for everybody else. */
export function FilePicker({ title, children, choose = "Choose a file", onFile }: Props) {
  const [over, setOver] = useState(false);
  return (
    <>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- dropping is a
          second way in; the button is for everybody */}
      <section
        aria-label={title}
        className={classes.drop}
        data-over={over || undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          const file = event.dataTransfer.files[0];
          if (file) onFile(file);
        }}
      >
        <Icon name="upload" size={28} />
        <p className={classes.title}>{title}</p>
        {children && <p>{children}</p>}
        <ChooseButton choose={choose} onFile={onFile} />
      </section>
    </>
  );
}

export function ChooseButton({
  choose,
  onFile,
  label,
}: {
  choose: string;
  onFile: (file: File) => void;
  /** Names the button where its words alone would not. */
  label?: string;
}) {
  return (
    <FileButton
      accept={ACCEPTED}
      onChange={(file) => {
        if (file) onFile(file);
      }}
      inputProps={{ "aria-label": label ?? choose, tabIndex: -1 }}
    >
      {(props) => (
        <Button variant="default" aria-label={label} {...props}>
          {choose}
        </Button>
      )}
    </FileButton>
  );
}
