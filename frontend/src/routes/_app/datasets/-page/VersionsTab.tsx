import { Button } from "@mantine/core";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import { cursorList } from "@/api/queries";
import { useSession } from "@/api/session";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { CopyButton } from "@/components/CopyButton";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Note } from "@/components/Note";
import { Facts, Section } from "@/components/Section";
import { Badge, StateBadge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { formatBytes, formatCount, plural } from "@/lib/format";
import { can } from "@/lib/roles";
import { ProgressBar } from "../-upload/ProgressBar";
import type { Version } from "../-upload/transfers";
import { UploadPanel } from "../-upload/UploadPanel";
import classes from "./Dataset.module.css";
import type { TabProps } from "./Overview";
import { PrivateMark } from "./PrivateMark";

const LOOK_EVERY = 1500;

/** What was uploaded, how the reading in went, and a new one: the owner's view. */
export default function VersionsTab({ dataset }: TabProps) {
  const { user } = useSession();
  const owner = can(user.role, "manageDatasets");
  const versions = useInfiniteQuery({
    ...cursorList(["dataset", dataset.name, "versions"], (cursor, signal) =>
      unwrap(
        api.GET("/api/v1/datasets/{dataset}/versions", {
          params: { path: { dataset: dataset.name }, query: { cursor, limit: 20 } },
          signal,
        }),
      ),
    ),
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) => page.items.some((each) => each.state === "ingesting"))
        ? LOOK_EVERY
        : false,
  });
  const rows = (versions.data?.pages.flatMap((page) => page.items) ?? []).filter(
    (version) => version.purpose === "version",
  );
  return (
    <>
      {owner && (
        <Section
          title={rows.length === 0 ? "Upload the data" : "Upload a new version"}
          lead={
            rows.length === 0
              ? "Once a worker has read it in, people with access may ask."
              : "The newest one that fits the columns answers from the moment it is ready. Budgets stay as they are: a new version resets nothing."
          }
        >
          <UploadPanel dataset={dataset} purpose="version" title="Drop a file here">
            .csv, .csv.gz or .parquet, with <code>{dataset.table.unit_column}</code> and the columns
            as they were declared. Large files go in pieces, and can be paused.
          </UploadPanel>
        </Section>
      )}
      <Section
        title="Versions"
        lead="Each is kept as it was taken in and never changes."
        actions={<PrivateMark />}
      >
        {versions.isPending ? (
          <LoadingState what="versions" />
        ) : versions.isError ? (
          <ErrorState error={versions.error} onRetry={() => void versions.refetch()} />
        ) : rows.length === 0 ? (
          <EmptyState title="No version yet">
            The dataset is registered and people can read about it; it answers once a file was
            uploaded and read in.
          </EmptyState>
        ) : (
          rows.map((version) => (
            <VersionCard
              key={version.id}
              version={version}
              answers={version.id === dataset.version_id}
              name={dataset.name}
              population={dataset.population_name}
              owner={owner}
            />
          ))
        )}
        {versions.hasNextPage && (
          <Button
            mt="md"
            variant="default"
            loading={versions.isFetchingNextPage}
            onClick={() => void versions.fetchNextPage()}
          >
            Show earlier versions
          </Button>
        )}
      </Section>
    </>
  );
}

interface CardProps {
  version: Version;
  answers: boolean;
  name: string;
  population: string;
  owner: boolean;
}

function VersionCard({ version, answers, name, population, owner }: CardProps) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const waiting = version.state === "ingesting" && version.progress === null;
  return (
    <article className={classes.version} aria-label={`Version ${version.id}`}>
      <div className={classes.versionTop}>
        <StateBadge of="version" state={version.state} />
        {answers && <Badge label="Answers now" tone="good" />}
        <span>
          {version.format} · uploaded <Time at={version.created_at} />
        </span>
        <span>
          <code>{version.id}</code> <CopyButton value={version.id} label="Copy the id" compact />
        </span>
      </div>
      {version.state === "ingesting" && (
        <>
          <ProgressBar share={version.progress ?? null} label="Reading in" stopped={waiting} />
          <div className={classes.row}>
            <span role="status">
              {waiting
                ? "Waits for a worker"
                : `${Math.floor((version.progress ?? 0) * 100)} % read in`}
            </span>
            {owner && (
              <Button variant="default" size="compact-md" onClick={() => setAsking(true)}>
                Cancel
              </Button>
            )}
          </div>
        </>
      )}
      {version.state === "failed" && (
        <Note tone="bad">
          <strong>{sentence(version.error ?? "It could not be read in.")}</strong>
          <p>
            Nothing of it was kept. Mend the file or the declared columns, and upload it again.
          </p>
        </Note>
      )}
      {version.same_people_as && (
        <Note tone="wait">
          <strong>These may be the people of another population.</strong> “{version.same_people_as}”
          has a version with the same content or the same unit ids. If they are the same people as
          in “{population}”, two budgets now protect them where one was meant: take access away
          here, and register this dataset in “{version.same_people_as}”.
        </Note>
      )}
      {version.state === "ready" && <Report version={version} />}
      {asking && (
        <ConfirmDialog
          title="Stop reading this version in?"
          confirm="Stop"
          danger
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            await unwrap(
              api.POST("/api/v1/versions/{version_id}/cancel", {
                params: { path: { version_id: version.id } },
              }),
            );
            await client.invalidateQueries({ queryKey: ["dataset", name] });
          }}
        >
          What was uploaded is dropped. The version that answers now stays.
        </ConfirmDialog>
      )}
    </article>
  );
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

function Report({ version }: { version: Version }) {
  const columns = Object.entries(version.report ?? {}).filter(([, counts]) =>
    Object.values(counts).some((count) => count > 0),
  );
  return (
    <>
      <Facts
        rows={[
          ["Rows", version.rows === null ? undefined : formatCount(version.rows)],
          ["Units", version.units === null ? undefined : formatCount(version.units)],
          ["Stored", version.size === null ? undefined : formatBytes(version.size)],
          [
            "Digest",
            version.digest ? (
              <code key="digest" title={version.digest}>
                {version.digest.slice(0, 16)}…
              </code>
            ) : undefined,
          ],
        ]}
      />
      {version.report !== null && (
        <details>
          <summary className={classes.summary}>
            {columns.length === 0
              ? "Every value fitted its column"
              : `What had to be changed, in ${plural(columns.length, "column")}`}
          </summary>
          {columns.length > 0 && (
            // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it may scroll
            <div className={classes.scroll} tabIndex={0} role="region" aria-label="Changed values">
              <table className={classes.grid}>
                <thead>
                  <tr>
                    <th scope="col">Column</th>
                    <th scope="col">Missing</th>
                    <th scope="col">Moved to an end of the range</th>
                    <th scope="col">Not a listed value, now missing</th>
                  </tr>
                </thead>
                <tbody>
                  {columns.map(([column, counts]) => (
                    <tr key={column}>
                      <td>
                        <code>{column}</code>
                      </td>
                      <td data-numeric>{formatCount(counts["nulls"] ?? 0)}</td>
                      <td data-numeric>{formatCount(counts["clamped"] ?? 0)}</td>
                      <td data-numeric>{formatCount(counts["unknown"] ?? 0)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </details>
      )}
    </>
  );
}
