import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";

import { api, unwrap } from "@/api/client";
import { useSession } from "@/api/session";
import { BudgetBar } from "@/components/BudgetBar";
import { CopyButton } from "@/components/CopyButton";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { Facts, Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { formatCount, formatEpsilon } from "@/lib/format";
import { can } from "@/lib/roles";
import { LOW, shareLeft, whose, type Account } from "./-parts/accounts";
import classes from "./-parts/budgets.module.css";
import { Entries } from "./-parts/Entries";
import { ExcuseDialog } from "./-parts/ExcuseDialog";
import { History } from "./-parts/History";
import { RaiseDialog } from "./-parts/RaiseDialog";
import { Raises } from "./-parts/Raises";
import { Simulate } from "./-parts/Simulate";

export const Route = createFileRoute("/_app/budgets/$account")({ component: BudgetPage });

function BudgetPage() {
  const { account: id } = Route.useParams();
  const account = useQuery({
    queryKey: ["budgets", "account", id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/accounts/{account_id}", { params: { path: { account_id: id } }, signal }),
      ),
  });
  if (account.isError) {
    return (
      <>
        <PageHeader title="Budget" />
        <ErrorState error={account.error} onRetry={() => void account.refetch()} />
      </>
    );
  }
  if (account.isPending) {
    return (
      <>
        <PageHeader title="Budget" />
        <LoadingState what="the budget" rows={6} />
      </>
    );
  }
  return <Shown account={account.data} />;
}

function Shown({ account }: { account: Account }) {
  const { user } = useSession();
  const [dialog, setDialog] = useState<"raise" | "excuse" | null>(null);
  const mine = account.person?.id === user.id;
  const title = mine ? "Your budget" : `Budget of ${whose(account).replace(/^E/, "e")}`;
  return (
    <>
      <PageHeader
        title={title}
        documentTitle={`${title} at ${account.population}`}
        eyebrow={
          <>
            <Link to="/budgets">Budgets</Link> / {account.population}
          </>
        }
        badge={
          shareLeft(account) <= LOW && (
            <Badge label={shareLeft(account) === 0 ? "Used up" : "Low"} tone="bad" icon="alert" />
          )
        }
        actions={
          can(user.role, "manageBudgets") && (
            <>
              {account.person && (
                <Button variant="default" onClick={() => setDialog("excuse")}>
                  Lift a pause
                </Button>
              )}
              <Button variant="default" onClick={() => setDialog("raise")}>
                Raise the limit
              </Button>
            </>
          )
        }
      />
      <Section>
        <div className={classes.standing}>
          <BudgetBar
            spent={account.share_spent - account.share_reserved}
            reserved={account.share_reserved}
            label={title}
          />
          <Facts
            rows={[
              ["Limit", `ε = ${formatEpsilon(account.limits.epsilon)}`],
              ["Proved for all answers so far", `ε = ${formatEpsilon(account.epsilon_spent)}`],
              ["Charges", formatCount(account.charges)],
              [
                "Reviewed outputs, without a formal bound",
                account.unbounded_outputs === 0 ? (
                  "none"
                ) : (
                  <>
                    {formatCount(account.unbounded_outputs)}, last{" "}
                    <Time at={account.last_unbounded_at} />
                  </>
                ),
              ],
            ]}
          />
        </div>
      </Section>
      <History account={account} />
      <Simulate account={account} />
      <Section
        title="Statement"
        lead="What holds for whoever the data is about, however the answers are put together."
        actions={<CopyButton value={account.statement} label="Copy the statement" />}
      >
        <p className={classes.statement}>{account.statement}</p>
      </Section>
      <Raises account={account} />
      <Entries account={account} />
      {dialog === "raise" && <RaiseDialog account={account} onClose={() => setDialog(null)} />}
      {dialog === "excuse" && <ExcuseDialog account={account} onClose={() => setDialog(null)} />}
    </>
  );
}
