/** The console's pages, once: the navigation, the palette and the shortcuts read this. */

import type { IconName } from "@/components/Icon";
import { can, type Ability } from "@/lib/roles";
import type { Role } from "@/api/session";

export interface PageEntry {
  to: string;
  label: string;
  icon: IconName;
  /** Second key after `g`. */
  key: string;
  needs?: Ability;
  /** In the bar at the bottom of a small screen; the others are behind "More". */
  small?: boolean;
  /** Only in the palette and the user menu. */
  hidden?: boolean;
}

const PAGES: PageEntry[] = [
  { to: "/", label: "Home", icon: "home", key: "h", small: true },
  { to: "/datasets", label: "Datasets", icon: "table", key: "d", small: true },
  { to: "/ask", label: "Ask", icon: "ask", key: "a", needs: "ask", small: true },
  { to: "/review", label: "Review", icon: "review", key: "v", needs: "review" },
  { to: "/requests", label: "Requests", icon: "requests", key: "r", small: true },
  { to: "/runs", label: "Runs", icon: "runs", key: "u" },
  { to: "/budgets", label: "Budgets", icon: "budgets", key: "b" },
  { to: "/people", label: "People", icon: "people", key: "p", needs: "seePeople" },
  { to: "/audit", label: "Audit", icon: "audit", key: "l", needs: "seeAudit" },
  { to: "/settings", label: "Settings", icon: "settings", key: "s", needs: "settings" },
  { to: "/notifications", label: "Notifications", icon: "bell", key: "n", hidden: true },
  { to: "/profile", label: "Profile", icon: "person", key: "m", hidden: true },
];

export function pagesOf(role: Role): PageEntry[] {
  return PAGES.filter((page) => page.needs === undefined || can(role, page.needs));
}
