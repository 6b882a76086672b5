import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { useSession } from "@/api/session";
import { can } from "@/lib/roles";
import { personQuery, workersQuery } from "../people/-queries";

/** Who did it: a person by name, or the site, or a worker by its id. */
export function Actor({ id, link = false }: { id: string; link?: boolean }) {
  const { user } = useSession();
  const person = useQuery({
    ...personQuery(id),
    enabled: id.startsWith("usr_"),
    staleTime: 5 * 60_000,
    retry: false,
  });
  const workers = useQuery({
    ...workersQuery,
    enabled: id.startsWith("wrk_") && can(user.role, "settings"),
    staleTime: 5 * 60_000,
  });
  if (id === "site") return <span>The site</span>;
  const worker = workers.data?.find((each) => each.id === id);
  if (worker) return <span title={id}>Worker {worker.name}</span>;
  if (!person.data) return <code>{id}</code>;
  if (!link) return <span title={person.data.email}>{person.data.name}</span>;
  return (
    <Link to="/people/$person" params={{ person: id }}>
      {person.data.name}
    </Link>
  );
}
