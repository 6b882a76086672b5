import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { Outlet, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";

import { useSession } from "@/api/session";
import { Icon } from "@/components/Icon";
import { onShortcutsHelp, useShortcuts } from "@/hooks/useShortcuts";
import { Brand } from "./Brand";
import { LiveEvents } from "./LiveEvents";
import { BottomBar, NavLinks } from "./Navigation";
import { NotificationsBell } from "./NotificationsBell";
import { RouteFocus } from "./RouteFocus";
import { SessionGuard } from "./SessionGuard";
import { SkipLink } from "./SkipLink";
import { UserMenu } from "./UserMenu";
import { pagesOf } from "./pages";
import classes from "./Shell.module.css";

const CommandPalette = lazy(() => import("./CommandPalette"));
const ShortcutsHelp = lazy(() => import("./ShortcutsHelp"));
const MenuDrawer = lazy(() => import("./MenuDrawer"));

const MOD = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl";

export function Shell() {
  const { user } = useSession();
  const navigate = useNavigate();
  const wide = useMediaQuery("(min-width: 56.25em)", true, { getInitialValueInEffect: false });
  const [menu, menuActions] = useDisclosure(false);
  const [palette, paletteActions] = useDisclosure(false);
  const [help, helpActions] = useDisclosure(false);
  const pages = pagesOf(user.role);
  useEffect(() => onShortcutsHelp(helpActions.open), [helpActions.open]);

  useShortcuts("Everywhere", [
    { keys: "mod+k", does: "Go to a page, dataset or request", run: paletteActions.open, inFields: true },
    { keys: "?", does: "Show the keyboard shortcuts", run: helpActions.open },
  ]);
  useShortcuts(
    "Go to",
    pages.map((page) => ({
      keys: `g ${page.key}`,
      does: page.label,
      run: () => void navigate({ to: page.to }),
    })),
  );

  return (
    <div className={classes.shell}>
      <SkipLink />
      <header className={classes.header}>
        {!wide && (
          <button
            type="button"
            className={classes.icon}
            aria-label="Open the menu"
            aria-expanded={menu}
            onClick={menuActions.open}
          >
            <Icon name="menu" size={22} />
          </button>
        )}
        <Brand />
        <button type="button" className={classes.search} onClick={paletteActions.open}>
          <Icon name="search" />
          <span className={classes.searchWords}>Go to…</span>
          <span className={classes.searchKeys} aria-hidden="true">
            {MOD} K
          </span>
        </button>
        <div className={classes.tools}>
          <NotificationsBell />
          <UserMenu />
        </div>
      </header>
      {wide && (
        <nav className={classes.side} aria-label="Main">
          <NavLinks pages={pages} />
        </nav>
      )}
      <main id="main" tabIndex={-1} className={classes.main}>
        <Outlet />
      </main>
      {!wide && <BottomBar pages={pages} onMore={menuActions.open} />}
      <RouteFocus />
      <SessionGuard />
      <LiveEvents />
      <Suspense>
        {menu && !wide && <MenuDrawer pages={pages} onClose={menuActions.close} />}
        {palette && <CommandPalette pages={pages} onClose={paletteActions.close} />}
        {help && <ShortcutsHelp onClose={helpActions.close} />}
      </Suspense>
    </div>
  );
}
