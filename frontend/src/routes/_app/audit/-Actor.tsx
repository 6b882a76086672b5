import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { personQuery } from "../people/-queries";

/** Who did it: a person by name, or the site, or a worker by its id. */
export function Actor({ id, link = false }: { id: string; link?: boolean }) {
  const person = useQuery({
    ...personQuery(id),
    enabled: id.startsWith("usr_"),
    staleTime: 5 * 60_000,
    retry: false,
  });
  if (id === "site") return <span>The site</span>;
  if (!person.data) return <code>{id}</code>;
  if (!link) return <span title={person.data.email}>{person.data.name}</span>;
  return (
    <Link to="/people/$person" params={{ person: id }}>
      {person.data.name}
    </Link>
  );
}
