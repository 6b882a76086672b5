/** Addresses people can read and edit: ?state=submitted&state=queued&q=age, never JSON. */

export type RawSearch = Record<string, string | string[]>;

export function parseSearch(search: string): RawSearch {
  const found: RawSearch = {};
  for (const [key, value] of new URLSearchParams(search)) {
    const before = found[key];
    found[key] = before === undefined ? value : [before, value].flat();
  }
  return found;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    for (const part of Array.isArray(value) ? value : [value]) {
      if (part === undefined || part === null || part === "" || part === false) continue;
      params.append(key, String(part));
    }
  }
  const written = params.toString();
  return written === "" ? "" : `?${written}`;
}

/* What `validateSearch` of a route is made of. Whatever does not fit is dropped, not an error:
   people edit addresses. */

export function text(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" && first !== "" ? first : undefined;
}

export function list<T extends string>(value: unknown, allowed?: readonly T[]): T[] | undefined {
  const all = (Array.isArray(value) ? value : [value]).filter(
    (entry): entry is T =>
      typeof entry === "string" &&
      entry !== "" &&
      (allowed === undefined || (allowed as readonly string[]).includes(entry)),
  );
  return all.length > 0 ? all : undefined;
}

export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return list(value, allowed)?.[0];
}

export function flag(value: unknown): boolean | undefined {
  return text(value) === "true" || value === true ? true : undefined;
}
