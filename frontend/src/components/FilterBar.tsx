import { Button } from "@mantine/core";
import type { ReactNode } from "react";

import classes from "./FilterBar.module.css";

interface Props {
  children: ReactNode;
  /** How many filters are set; with none there is nothing to clear. */
  active: number;
  onClear: () => void;
}

/** The filters of a list, in a row that wraps. */
export function FilterBar({ children, active, onClear }: Props) {
  return (
    <div className={classes.bar} role="search" aria-label="Filters">
      {children}
      {active > 0 && (
        <Button variant="subtle" onClick={onClear}>
          Clear filters
        </Button>
      )}
    </div>
  );
}
