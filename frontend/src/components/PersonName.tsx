import classes from "./PersonName.module.css";

interface Props {
  person: { name: string; email?: string };
  /** Show the e-mail under the name. */
  full?: boolean;
  /** "you" in place of the name. */
  you?: boolean;
  withInitials?: boolean;
}

export function PersonName({ person, full = false, you = false, withInitials = false }: Props) {
  return (
    <span className={classes.person}>
      {withInitials && <Initials name={person.name} />}
      <span className={classes.words}>
        <span title={full ? undefined : person.email}>{you ? "You" : person.name}</span>
        {full && person.email && <span className={classes.email}>{person.email}</span>}
      </span>
    </span>
  );
}

export function Initials({ name }: { name: string }) {
  const words = name.trim().split(/\s+/);
  const letters = [words[0], words.length > 1 ? words.at(-1) : ""]
    .map((word) => Array.from(word ?? "")[0] ?? "")
    .join("");
  return (
    <span className={classes.initials} aria-hidden="true">
      {letters.toLocaleUpperCase()}
    </span>
  );
}
