import { Link } from "@tanstack/react-router";

import { Icon } from "@/components/Icon";
import classes from "./Navigation.module.css";
import type { PageEntry } from "./pages";

export function NavLinks({ pages, onGo }: { pages: PageEntry[]; onGo?: () => void }) {
  return (
    <ul className={classes.list}>
      {pages
        .filter((page) => !page.hidden)
        .map((page) => (
          <li key={page.to}>
            <Link
              to={page.to}
              className={classes.link}
              activeOptions={{ exact: page.to === "/", includeSearch: false }}
              activeProps={{ "aria-current": "page" }}
              {...(onGo ? { onClick: onGo } : {})}
            >
              <Icon name={page.icon} size={20} />
              {page.label}
            </Link>
          </li>
        ))}
    </ul>
  );
}

/** On a small screen: the pages that are used most, in reach of a thumb. */
export function BottomBar({ pages, onMore }: { pages: PageEntry[]; onMore: () => void }) {
  return (
    <nav className={classes.bottom} aria-label="Most used">
      {pages
        .filter((page) => page.small)
        .map((page) => (
          <Link
            key={page.to}
            to={page.to}
            className={classes.tab}
            activeOptions={{ exact: page.to === "/", includeSearch: false }}
            activeProps={{ "aria-current": "page" }}
          >
            <Icon name={page.icon} size={22} />
            {page.label}
          </Link>
        ))}
      <button type="button" className={classes.tab} onClick={onMore}>
        <Icon name="menu" size={22} />
        More
      </button>
    </nav>
  );
}
