import { CopyButton } from "./CopyButton";
import classes from "./CodeBlock.module.css";
import { Visible } from "./code/Visible";

interface Props {
  code: string;
  /** "SQL", "Python": also names the block for screen readers. */
  language?: string;
  copyLabel?: string;
  /** Wrap long lines; otherwise they scroll. */
  wrap?: boolean;
}

export function CodeBlock({ code, language = "Code", copyLabel = "Copy", wrap = false }: Props) {
  return (
    <figure className={classes.block}>
      <figcaption className={classes.top}>
        <span>{language}</span>
        <CopyButton value={code} label={copyLabel} compact />
      </figcaption>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be
          reachable by keyboard */}
      <pre className={classes.code} data-wrap={wrap || undefined} tabIndex={0} aria-label={language}>
        <code>
          <Visible text={code} />
        </code>
      </pre>
    </figure>
  );
}
