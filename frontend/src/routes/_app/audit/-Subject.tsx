import { Link } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import classes from "./-audit.module.css";

type Event = Schemas["NamedAuditEvent"];

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A lower-case beginning is the site's own word; names stand as people wrote them. */
function said({ subject, subject_name: name }: Event): string | null {
  if (!name) return null;
  return /^(acc|inv|key|req|run|ses|upl|ver)_/.test(subject) ? capital(name) : name;
}

/** What an event is about: its name, where it has one, and its id. */
export function Subject({ event }: { event: Event }) {
  const name = said(event);
  return (
    <span className={classes.what}>
      {name !== null && <span>{name}</span>}
      <code>{event.subject}</code>
    </span>
  );
}

/** The same, leading to its page, and to every event about it. */
export function LinkedSubject({ event }: { event: Event }) {
  const { subject } = event;
  const name = said(event);
  return (
    <span className={classes.what}>
      {name !== null && <Page id={subject}>{name}</Page>}
      <Link to="/audit" search={{ subject }}>
        <code>{subject}</code>
      </Link>
    </span>
  );
}

function Page({ id, children: name }: { id: string; children: string }) {
  switch (id.split("_", 1)[0]) {
    case "usr":
      return <Link to="/people/$person" params={{ person: id }}>{name}</Link>;
    case "grp":
      return <Link to="/people/groups/$group" params={{ group: id }}>{name}</Link>;
    case "ds":
      return <Link to="/datasets/$dataset" params={{ dataset: id }}>{name}</Link>;
    case "req":
      return <Link to="/requests/$request" params={{ request: id }}>{name}</Link>;
    case "run":
      return <Link to="/runs/$run" params={{ run: id }}>{name}</Link>;
    case "acc":
      return <Link to="/budgets/$account" params={{ account: id }}>{name}</Link>;
    default:
      return <span>{name}</span>;
  }
}
