import { Link } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";

/** Who did it: a person or worker by name, or the site. Who is gone keeps their id. */
export function Actor({
  event: { actor, actor_name: name },
  link = false,
}: {
  event: Schemas["NamedAuditEvent"];
  link?: boolean;
}) {
  if (actor === "site") return <span>The site</span>;
  if (!name) return <code>{actor}</code>;
  if (actor.startsWith("wrk_")) return <span title={actor}>Worker {name}</span>;
  if (!link) return <span title={actor}>{name}</span>;
  return (
    <Link to="/people/$person" params={{ person: actor }}>
      {name}
    </Link>
  );
}
