/**
 * The token of a link, from behind its `#`: browsers never send that part, so no server log has
 * it. It leaves the address bar at once, and this tab keeps it until it is used.
 */
export function takeToken(name: string): string {
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? plain();
  const place = `token:${name}`;
  if (token) {
    sessionStorage.setItem(place, token);
    history.replaceState(history.state, "", location.pathname + location.search);
    return token;
  }
  return sessionStorage.getItem(place) ?? "";
}

export function dropToken(name: string): void {
  sessionStorage.removeItem(`token:${name}`);
}

/** `/invitation#abc` as well as `/setup#token=abc`. */
function plain(): string {
  const fragment = location.hash.slice(1);
  return fragment.includes("=") ? "" : fragment;
}
