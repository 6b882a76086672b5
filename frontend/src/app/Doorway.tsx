import { Outlet } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Mark } from "./Brand";
import { RouteFocus } from "./RouteFocus";
import { SchemeSwitch } from "./SchemeSwitch";
import classes from "./Doorway.module.css";

/** A card on an otherwise empty page: what is shown outside the shell. */
export function Doorway({ children = <Outlet /> }: { children?: ReactNode }) {
  return (
    <div className={classes.page}>
      <header className={classes.brand}>
        <Mark size={34} />
        <span>Carrel</span>
      </header>
      <main id="main" tabIndex={-1} className={classes.card}>
        {children}
      </main>
      <footer className={classes.foot}>
        <p>Compute on data you cannot see. Only reviewed or private results leave.</p>
        <SchemeSwitch />
        <a href="/licences.txt">Licences</a>
      </footer>
      <RouteFocus />
    </div>
  );
}
