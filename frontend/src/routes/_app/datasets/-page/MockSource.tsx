import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, ApiError, unwrap } from "@/api/client";
import type { components } from "@/api/schema";
import { useSession } from "@/api/session";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { ErrorState } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { Facts, Section } from "@/components/Section";
import { Badge, type Tone } from "@/components/StateBadge";
import { formatCount } from "@/lib/format";
import { can } from "@/lib/roles";
import { ProgressBar } from "../-upload/ProgressBar";
import { UploadPanel } from "../-upload/UploadPanel";
import classes from "./Dataset.module.css";
import { PrivateMark } from "./PrivateMark";
import type { Dataset } from "./queries";

type Check = components["schemas"]["MockCheck"];

const STATES: Record<Check["state"], [label: string, tone: Tone]> = {
  checking: ["Being checked", "info"],
  waiting: ["Waits for a version to compare with", "wait"],
  clean: ["Nothing like a private row", "good"],
  suspicious: ["Like private rows", "bad"],
  failed: ["Could not be read", "bad"],
  cancelled: ["Cancelled", "quiet"],
};

/** Where the made-up rows come from: the owner's own, and how they compare with the private ones. */
export function MockSource({ dataset }: { dataset: Dataset }) {
  const { user } = useSession();
  const client = useQueryClient();
  const owner = can(user.role, "manageDatasets");
  const [asking, setAsking] = useState<"remove" | "accept" | null>(null);
  const check = useQuery({
    queryKey: ["dataset", dataset.name, "mock-check"],
    queryFn: async ({ signal }) => {
      const path = { dataset: dataset.name };
      // Without an uploaded file there is no comparison to ask for.
      const versions = await unwrap(
        api.GET("/api/v1/datasets/{dataset}/versions", {
          params: { path, query: { purpose: "mock", limit: 1 } },
          signal,
        }),
      );
      const newest = versions.items[0];
      if (newest === undefined || newest.state === "cancelled") return null;
      try {
        return await unwrap(
          api.GET("/api/v1/datasets/{dataset}/mock/check", { params: { path }, signal }),
        );
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
    refetchInterval: (query) => (query.state.data?.state === "checking" ? 1500 : false),
  });
  const refresh = () => client.invalidateQueries({ queryKey: ["dataset", dataset.name] });
  const found = check.data;
  return (
    <Section
      title="Rows of your own"
      lead="You can upload rows that you made up, where generated ones are too plain to work with. They are compared with the private rows before anybody gets them."
      actions={
        owner &&
        found && (
          <Button variant="default" onClick={() => setAsking("remove")}>
            Go back to generated rows
          </Button>
        )
      }
    >
      <div className={classes.stack}>
        {check.isError && <ErrorState error={check.error} onRetry={() => void check.refetch()} />}
        {found && <CheckCard check={found} />}
        {owner && found?.state === "suspicious" && !found.served && (
          <div className={classes.row}>
            <Button variant="default" color="brick" onClick={() => setAsking("accept")}>
              Let people have them all the same
            </Button>
          </div>
        )}
        {owner && (
          <UploadPanel dataset={dataset} purpose="mock" title="Upload made-up rows">
            CSV or Parquet, with the same columns. Never a sample of the private data, nor rows that
            were changed only a little.
          </UploadPanel>
        )}
      </div>
      {asking === "remove" && (
        <ConfirmDialog
          title="Go back to generated rows?"
          confirm="Go back"
          onClose={() => setAsking(null)}
          onConfirm={async () => {
            await unwrap(
              api.DELETE("/api/v1/datasets/{dataset}/mock", {
                params: { path: { dataset: dataset.name } },
              }),
            );
            await refresh();
          }}
        >
          The uploaded rows are dropped, and people get generated ones from now on.
        </ConfirmDialog>
      )}
      {asking === "accept" && found && (
        <ConfirmDialog
          title="Show rows that are like private ones?"
          confirm="Show them"
          danger
          reason={{
            label: "Why is this harmless?",
            description: "It is kept in the audit log.",
            required: true,
            draft: `mock:${found.version_id}`,
          }}
          onClose={() => setAsking(null)}
          onConfirm={async (reason) => {
            await unwrap(
              api.POST("/api/v1/datasets/{dataset}/mock/accept", {
                params: { path: { dataset: dataset.name } },
                body: { version_id: found.version_id, reason },
              }),
            );
            await refresh();
          }}
        >
          More of these rows equal or nearly equal private rows than chance explains. Everybody with
          access would read them, and no privacy budget covers that.
        </ConfirmDialog>
      )}
    </Section>
  );
}

function CheckCard({ check }: { check: Check }) {
  const [label, tone] = STATES[check.state];
  return (
    <section className={classes.version} aria-label="The uploaded rows">
      <div className={classes.versionTop}>
        <Badge label={label} tone={tone} />
        <span>{check.served ? "People get these rows" : "Nobody gets these rows yet"}</span>
        <PrivateMark />
      </div>
      {check.state === "checking" && (
        <ProgressBar share={check.progress ?? null} label="Comparing with the private rows" />
      )}
      {check.error && <Note tone="bad">{check.error}</Note>}
      {typeof check.exact === "number" && (
        <Facts
          rows={[
            ["Rows uploaded", typeof check.rows === "number" ? formatCount(check.rows) : undefined],
            ["Equal to a private row", formatCount(check.exact)],
            ["… as many as chance makes", formatCount(check.exact_by_chance ?? 0)],
            ["Nearly equal to one", formatCount(check.near ?? 0)],
            ["… as many as chance makes", formatCount(check.near_by_chance ?? 0)],
            [
              "The first of them",
              check.examples.length > 0 ? `rows ${check.examples.slice(0, 10).join(", ")}` : undefined,
            ],
          ]}
        />
      )}
      {check.accepted_reason && <Note tone="wait">Accepted: {check.accepted_reason}</Note>}
    </section>
  );
}
