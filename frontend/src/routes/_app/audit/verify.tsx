import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { api, unwrap } from "@/api/client";
import { CodeBlock } from "@/components/CodeBlock";
import { CopyButton } from "@/components/CopyButton";
import { ErrorNote, ErrorState } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { formatCount, formatShare, formatTime } from "@/lib/format";
import classes from "./-audit.module.css";
import { AuditTabs } from "./-AuditTabs";
import { useVerify, type Verdict } from "./-useVerify";

export const Route = createFileRoute("/_app/audit/verify")({ component: VerifyPage });

function VerifyPage() {
  return (
    <>
      <PageHeader
        title="Verify and export"
        lead="Check that the log, the budgets and the answers are what was once written, here or on a computer of your own."
      />
      <AuditTabs />
      <Verify />
      <Section
        sheet
        title="Take the log with you"
        lead="One event a line, oldest first, and at the end the site’s signature of the whole."
        actions={
          <Button
            component="a"
            href="/api/v1/audit/events/export"
            download="audit.jsonl"
            variant="default"
            leftSection={<Icon name="download" />}
          >
            Export the log
          </Button>
        }
      >
        <Offline />
      </Section>
    </>
  );
}

function Verify() {
  const { now, start, cancel } = useVerify();
  const running = now.state === "running";
  return (
    <Section
      sheet
      title="Verify here"
      lead="Computes every hash anew: each event, each budget entry, each answer, and the signatures kept outside the database. On a large site it takes a while; it holds up nobody."
    >
      <div className={classes.verify}>
        {running ? (
          <Button variant="default" leftSection={<Icon name="stop" />} onClick={cancel}>
            Cancel
          </Button>
        ) : (
          <Button leftSection={<Icon name="check" />} onClick={() => void start()}>
            {now.state === "idle" ? "Verify everything" : "Verify again"}
          </Button>
        )}
        {running && <Progress {...now.progress} />}
        <div role="status" className={classes.progress}>
          {now.state === "cancelled" && <p>Cancelled. Nothing was found out.</p>}
          {now.state === "done" && <Outcome verdict={now.verdict} at={now.at} />}
        </div>
        {now.state === "failed" && <ErrorNote error={now.error} />}
      </div>
    </Section>
  );
}

function Progress({ checked, total }: { checked: number; total: number }) {
  const share = total === 0 ? 0 : Math.min(1, checked / total);
  return (
    <div className={classes.progress}>
      <div
        className={classes.track}
        role="progressbar"
        aria-label="Records verified"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.floor(share * 100)}
      >
        <div className={classes.fill} style={{ width: `${share * 100}%` }} />
      </div>
      <span className="num soft">
        {total === 0
          ? "Taking a snapshot…"
          : `${formatCount(checked)} of ${formatCount(total)} records, ${formatShare(share)}`}
      </span>
    </div>
  );
}

function Outcome({ verdict, at }: { verdict: Verdict; at: Date }) {
  const counts: [string, number][] = [
    ["events", verdict.events],
    ["budget entries", verdict.entries],
    ["answers", verdict.answers],
    ["signatures outside", verdict.anchors],
    ["lines of the spend journal", verdict.journal_lines],
  ];
  return (
    <div className={classes.verdict} data-intact={verdict.intact}>
      <h3>
        <Icon name={verdict.intact ? "check" : "alert"} size={22} />
        {verdict.intact ? "Everything is as it was written" : "Something was changed"}
      </h3>
      <p>
        {verdict.intact
          ? "Every record follows from the one before it, and agrees with what was signed."
          : `The first contradiction: ${verdict.broken ?? "unknown"}. Ask no questions of this site until you know why.`}{" "}
        Checked {formatTime(at)}.
      </p>
      {verdict.restores.map(([first, last]) => (
        <p key={first}>
          A backup was restored: events {formatCount(first)} to {formatCount(last)} were lost with
          it, and the log says so.
        </p>
      ))}
      <dl className={classes.counts}>
        {counts.map(([label, count]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** The public key, and what to do with it where the site has no say. */
function Offline() {
  const key = useQuery({
    queryKey: ["audit", "key"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/audit/key", { signal })),
    staleTime: Infinity,
  });
  if (key.isPending) return <LoadingState what="the site’s key" rows={2} />;
  if (key.isError) return <ErrorState error={key.error} onRetry={() => void key.refetch()} />;
  const { public_key: hex, key_id: id, algorithm } = key.data;
  return (
    <ol className={classes.steps}>
      <li>
        <p>
          Note the site’s public key ({algorithm}) now, somewhere that whoever runs the site cannot
          reach. A key that is read only when there is a doubt proves nothing.
        </p>
        <p className={classes.key}>
          <code>{hex}</code>
          <CopyButton value={hex} label="Copy the public key" compact />
          <span className="soft">id {id}</span>
        </p>
      </li>
      <li>
        <p>Export the log with the button above, and keep earlier exports.</p>
      </li>
      <li>
        <p>
          Check the file on your own computer. It reads the file and the key, and asks the site
          nothing; an export made later has to begin with the earlier one.
        </p>
        <CodeBlock
          language="Shell"
          code={`pip install 'carrel[site]'\ncarrel audit check audit.jsonl --key ${hex}`}
          wrap
        />
      </li>
    </ol>
  );
}
