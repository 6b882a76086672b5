import { Link } from "@tanstack/react-router";

import classes from "./Brand.module.css";

export function Brand() {
  return (
    <Link to="/" className={classes.brand} aria-label="Carrel, home">
      <Mark />
      <span className={classes.name}>Carrel</span>
    </Link>
  );
}

/** An open book on a desk. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#1f5b4a" />
      <path
        d="M7 23V10.5C7 9.1 8.1 8 9.5 8H16v15H9.5M25 23V10.5C25 9.1 23.9 8 22.5 8H16"
        fill="none"
        stroke="#f7f3ea"
        strokeWidth="2"
      />
      <path d="M6 24h20" stroke="#f7f3ea" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
