import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import { environmentsQuery, type Environment } from "@/api/code";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { CopyButton } from "@/components/CopyButton";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Facts, Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { plural } from "@/lib/format";
import { limitRows } from "@/lib/program";
import { EnvironmentDialog } from "./EnvironmentDialog";
import classes from "./Settings.module.css";

const STATES = {
  ready: <Badge label="Ready" tone="good" icon="check" />,
  missing: <Badge label="No worker has it" tone="wait" icon="alert" />,
  retired: <Badge label="Retired" tone="quiet" icon="stop" />,
};

/** The packages that code may use, what a run may take, and taking one away. */
export function Environments() {
  const client = useQueryClient();
  const environments = useQuery(environmentsQuery);
  const [editing, setEditing] = useState<Environment | null>(null);
  const [retiring, setRetiring] = useState<Environment | null>(null);
  return (
    <Section
      title="Environments"
      lead="The packages that code may use. They are built ahead, on the worker, by carrel environment build; nothing is installed when code runs."
    >
      {environments.isPending ? (
        <LoadingState what="environments" rows={3} />
      ) : environments.isError ? (
        <ErrorState error={environments.error} onRetry={() => void environments.refetch()} />
      ) : environments.data.length === 0 ? (
        <EmptyState title="No environments">
          Without one no code can be asked for. A worker of the queue code tells of those it has.
        </EmptyState>
      ) : (
        <ul className={classes.services}>
          {environments.data.map((environment) => (
            <One
              key={environment.name}
              environment={environment}
              onEdit={() => setEditing(environment)}
              onRetire={() => setRetiring(environment)}
            />
          ))}
        </ul>
      )}
      {editing && <EnvironmentDialog environment={editing} onClose={() => setEditing(null)} />}
      {retiring && (
        <ConfirmDialog
          title={
            retiring.state === "retired"
              ? `Bring ${retiring.name} back?`
              : `Retire the environment ${retiring.name}?`
          }
          confirm={retiring.state === "retired" ? "Bring it back" : "Retire"}
          danger={retiring.state !== "retired"}
          onClose={() => setRetiring(null)}
          onConfirm={async () => {
            await unwrap(
              api.PATCH("/api/v1/environments/{name}", {
                params: { path: { name: retiring.name } },
                body: { retired: retiring.state !== "retired" },
              }),
            );
            await client.invalidateQueries({ queryKey: ["environments"] });
          }}
        >
          <p>
            {retiring.state === "retired"
              ? "Code may be asked for in it again."
              : "No more code can be asked for in it. What was approved already may still run."}
          </p>
        </ConfirmDialog>
      )}
    </Section>
  );
}

interface OneProps {
  environment: Environment;
  onEdit: () => void;
  onRetire: () => void;
}

function One({ environment, onEdit, onRetire }: OneProps) {
  const { name, description, packages, locked, imports, lock_hash, limits, state, built_at } = environment;
  return (
    <li className={classes.service} data-healthy>
      <div className={classes.top}>
        <h3>{name}</h3>
        {STATES[state]}
      </div>
      {description && <p>{description}</p>}
      <p>
        {packages.length > 0 ? packages.join(", ") : "Python's own library"}
        {imports.length > 0 && (
          <span className="soft"> (to import: {imports.join(", ")})</span>
        )}
      </p>
      <details className={classes.more}>
        <summary>
          {plural(locked.length, "package")} to the version, and what a run may take
          <span className="visually-hidden"> of {name}</span>
        </summary>
        <p className={classes.locked}>{locked.join(", ")}</p>
        <Facts rows={limitRows(limits)} />
      </details>
      <p className={classes.lock}>
        <span className="soft">
          Lock <code title={lock_hash}>{lock_hash.slice(0, 16)}</code>, built <Time at={built_at} />
        </span>
        <CopyButton value={lock_hash} label={`Copy the lock of ${name}`} compact />
      </p>
      <div className={classes.acts}>
        <Button variant="default" size="compact-md" onClick={onEdit}>
          Change<span className="visually-hidden"> {name}</span>
        </Button>
        <Button
          variant="subtle"
          size="compact-md"
          {...(state === "retired" ? {} : { color: "brick" })}
          onClick={onRetire}
        >
          {state === "retired" ? "Bring back" : "Retire"}
          <span className="visually-hidden"> {name}</span>
        </Button>
      </div>
    </li>
  );
}
