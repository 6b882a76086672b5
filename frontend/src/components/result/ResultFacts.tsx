import type { Schemas } from "@/api/client";
import type { Question } from "@/api/requests";
import { CopyButton } from "@/components/CopyButton";
import { Facts } from "@/components/Section";
import { Time } from "@/components/Time";
import { formatCount, formatEpsilon, formatShare } from "@/lib/format";
import classes from "./ResultView.module.css";

type Run = Schemas["Run"];

/** What the answer cost, when it came, and the receipt that proves it. */
export function ResultFacts({
  request,
  run,
  reused,
}: {
  request: Question<Schemas["Request"]>;
  run: Run;
  reused: boolean;
}) {
  const { price } = request;
  return (
    <>
      <Facts
        rows={[
          ["Cost", reused ? "Nothing: it was paid before" : `${formatShare(price.share)} of the budget`],
          [
            "Privacy",
            price.epsilon === null
              ? `ρ = ${formatEpsilon(price.rho ?? 0)}`
              : `ε = ${formatEpsilon(price.epsilon)}`,
          ],
          ["Answered", run.finished_at ? <Time key="at" at={run.finished_at} /> : undefined],
        ]}
      />
      {run.receipt && <Receipt receipt={run.receipt} />}
    </>
  );
}

function Receipt({ receipt }: { receipt: Schemas["SignedHead"] }) {
  return (
    <details className={classes.receipt}>
      <summary>Receipt</summary>
      <p className="soft">
        The site signed its audit log with this answer in it. Keep the receipt: with it, anybody can
        show later that the log was not changed.
      </p>
      <Facts
        rows={[
          ["Place in the log", formatCount(receipt.sequence)],
          ["Signed", <Time key="at" at={receipt.at} />],
          ["Key", <code key="key">{receipt.key_id}</code>],
          ["Digest of the log", <code key="hash">{receipt.hash}</code>],
        ]}
      />
      <CopyButton value={JSON.stringify(receipt, null, 2)} label="Copy the receipt" />
    </details>
  );
}
