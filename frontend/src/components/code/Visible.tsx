import { Fragment } from "react";

import classes from "./Visible.module.css";

/* What shows nothing, or turns the order of what stands around it: joiners, marks and overrides of
   direction, selectors, fillers, blanks, controls, what has no meaning of its own; as the protocol's
   table (carrel_protocol/invisible.py) has it, and other spaces. Tabs and line ends are what they
   seem. */
const HIDDEN =
  /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u2800\ufffc\u{1d159}]|(?! )\p{Zs}|(?![\t\n])\p{Cc}/u;

/** Text of somebody else's, with each character that hides in it shown by its number. */
export function Visible({ text }: { text: string }) {
  if (!HIDDEN.test(text)) return text;
  const parts = text.split(new RegExp(`(${HIDDEN.source})`, "u"));
  return parts.map((part, index) =>
    index % 2 === 0 ? (
      <Fragment key={index}>{part}</Fragment>
    ) : (
      <span key={index} className={classes.hidden} title="A character that cannot be seen">
        {nameOf(part)}
      </span>
    ),
  );
}

function nameOf(character: string): string {
  const number = character.codePointAt(0) ?? 0;
  return `U+${number.toString(16).toUpperCase().padStart(4, "0")}`;
}
