import { Button } from "@mantine/core";

import { asApiError } from "@/api/problem";
import { CopyButton } from "./CopyButton";
import { Icon } from "./Icon";
import classes from "./ErrorState.module.css";

interface Props {
  error: unknown;
  onRetry?: () => void;
}

/** In place of content that could not be fetched. */
export function ErrorState({ error, onRetry }: Props) {
  return (
    <div className={classes.state}>
      <ErrorNote error={error} />
      {onRetry && (
        <Button variant="default" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Beside a form or a button: what went wrong, what to do, where, and the id to quote. */
export function ErrorNote({ error }: { error: unknown }) {
  const { problem, retryAfter } = asApiError(error);
  return (
    <div className={classes.note} role="alert">
      <Icon name="alert" size={20} />
      <div className={classes.words}>
        <strong>{problem.detail || problem.title}</strong>
        {problem.advice && <p>{problem.advice}</p>}
        {retryAfter !== null && <p>Try again in {retryAfter} s.</p>}
        {problem.errors.length > 0 && (
          <ul className={classes.fields}>
            {problem.errors.slice(0, 10).map((entry) => (
              <li key={`${where(entry)}${entry.message}`}>
                {where(entry) && <code>{where(entry)}</code>} {entry.message}
              </li>
            ))}
          </ul>
        )}
        {problem.request_id && (
          <p className={classes.id}>
            Request <code>{problem.request_id}</code>{" "}
            <CopyButton value={problem.request_id} label="Copy the request's id" compact />
          </p>
        )}
      </div>
    </div>
  );
}

function where(entry: { loc?: string; line?: number; column?: number }): string {
  if (entry.line !== undefined) return `line ${entry.line}, column ${entry.column ?? 1}`;
  return (entry.loc ?? "").replace(/^(body|query|path)\./, "");
}
