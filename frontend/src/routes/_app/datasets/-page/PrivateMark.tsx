import { Tooltip } from "@mantine/core";

import { Badge } from "@/components/StateBadge";

/** Beside whatever comes from private rows: who else sees it. */
export function PrivateMark() {
  return (
    <Tooltip label="Worked out from private rows. Only owners and auditors see it; do not pass it on.">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the tooltip has to be
          reachable by keyboard */}
      <span tabIndex={0} style={{ display: "inline-flex" }}>
        <Badge label="Private" tone="quiet" icon="lock" />
      </span>
    </Tooltip>
  );
}
