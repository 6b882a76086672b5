import { Fragment } from "react";

import classes from "./Visible.module.css";

/* What shows nothing, or turns the order of what stands around it: joiners, marks and overrides of
   direction, other spaces, controls. Tabs and line ends are what they seem. */
const HIDDEN = /[\p{Cf}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u115f\u1160\u3164\uffa0]|(?![\t\n])\p{Cc}/u;

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
