import { Anchor } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { backgroundQuery, isBlackBox, type RequestBackground, type RequestFull } from "@/api/requests";
import { useSession } from "@/api/session";
import { BudgetBar } from "@/components/BudgetBar";
import { ErrorNote } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PersonName } from "@/components/PersonName";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { formatShare, plural } from "@/lib/format";
import { can, ROLE_NAMES } from "@/lib/roles";
import { Excuse } from "../runs/-Excuse";
import classes from "./-Weigh.module.css";

type Use = NonNullable<RequestBackground["mine"]>;
type Priced = RequestFull & { price: NonNullable<RequestFull["price"]> };

/** Questions and black boxes; code takes nothing of a budget. */
function isPriced(request: RequestFull): request is Priced {
  return request.price !== null;
}

/** What one weighs beside the question: price against budgets, the rules, who asks. */
export function Weigh({ request, brief = false }: { request: RequestFull; brief?: boolean }) {
  const background = useQuery(backgroundQuery(request.id));
  if (background.isError) return <ErrorNote error={background.error} />;
  if (!background.data) return <LoadingState what="budgets and rules" rows={6} />;
  return (
    <div className={classes.weigh} data-brief={brief || undefined}>
      {isPriced(request) && <Budgets request={request} background={background.data} />}
      <Rules request={request} background={background.data} />
      <Requester request={request} background={background.data} />
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.part} aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

interface PartProps {
  request: RequestFull;
  background: RequestBackground;
}

const SETTLED = new Set(["queued", "rejected", "withdrawn", "expired"]);

function Budgets({ request, background }: PartProps & { request: Priced }) {
  const { user } = useSession();
  const own = request.requester.id === user.id;
  const whose = own ? "Your budget" : `${request.requester.name}'s budget`;
  // Once it was sent its price is part of what is spent or reserved; once it ended, of nothing.
  const open = !SETTLED.has(request.state);
  return (
    <Part title="Price and budgets">
      <p>
        <span className={classes.figure}>{formatShare(request.price.share)}</span>{" "}
        {own ? "of your budget" : "of the requester's budget"}
        {request.state === "queued" && <span className="soft">, taken when it was sent</span>}
      </p>
      {background.mine ? (
        <One use={background.mine} label={whose} price={open} />
      ) : (
        <p>{own ? "You have" : "The requester has"} no budget at this dataset's population.</p>
      )}
      {background.together && (
        <One use={background.together} label="Everyone together" price={open} />
      )}
    </Part>
  );
}

function One({ use, label, price }: { use: Use; label: string; price: boolean }) {
  return (
    <div className={classes.account}>
      <div className={classes.accountTop}>
        {use.account_id ? (
          <Anchor
            size="sm"
            renderRoot={(props) => (
              <Link to="/budgets/$account" params={{ account: use.account_id ?? "" }} {...props} />
            )}
          >
            {label}
          </Anchor>
        ) : (
          <span className={classes.accountName}>{label}</span>
        )}
        {price && !use.admits && <Badge label="Cannot pay for it" tone="bad" icon="alert" />}
      </div>
      <BudgetBar label={label} spent={use.share_spent} price={price ? use.share_price : 0} />
    </div>
  );
}

function Rules({ request, background }: PartProps) {
  const { policy, policy_changed } = background;
  const share = policy.auto_approve_share ?? 0.05;
  const automatic = request.votes_needed === 0 && request.price?.approval === "automatic";
  return (
    <Part title="Rules that apply">
      <ul className={classes.rules}>
        {automatic ? (
          <li>
            Approved by rule: {request.dataset} lets questions through that take no more than{" "}
            {formatShare(share)} of a budget.
          </li>
        ) : request.votes_needed === 0 ? (
          <li>An earlier approval covers it: nobody votes on it again.</li>
        ) : (
          <li>
            {plural(request.votes_needed, "person has", "people have")} to approve it; one who
            rejects or returns it decides at once.
          </li>
        )}
        {(request.groups_needed ?? []).map((group) => (
          <li key={group}>One of them has to belong to the group {group}.</li>
        ))}
        {!automatic && <li>{why(request, background)}</li>}
        <li>Nobody votes on their own request.</li>
        {request.expires_at && (
          <li>
            It expires <Time at={request.expires_at} /> if nobody answers.
          </li>
        )}
      </ul>
      {policy_changed && (
        <p className="soft">The dataset's rules have changed since this was asked.</p>
      )}
    </Part>
  );
}

/** Why people have to look at it. */
function why(request: RequestFull, { policy }: RequestBackground): string {
  if (!isPriced(request)) {
    return "Code is always read by people: no noise bounds what it could tell.";
  }
  const every = isBlackBox(request) ? "black box" : "question";
  const share = policy.auto_approve_share ?? 0.05;
  if (!policy.auto_approve) return `Every ${every} about ${request.dataset} is reviewed.`;
  if (request.price.share > share) {
    return `It takes more than the ${formatShare(share)} that ${request.dataset} lets through unread.`;
  }
  if (isBlackBox(request)) {
    return "Whoever asked wanted a person to look at it, or its load could be watched here: what a program does to the machine's load could tell something.";
  }
  return "Whoever asked wanted a person to look at it.";
}

function Requester({ request, background }: PartProps) {
  const { user } = useSession();
  const { history, standing } = background;
  const { requester } = request;
  return (
    <Part title={requester.id === user.id ? "Your requests" : "Who asks"}>
      <PersonName person={requester} full withInitials />
      <p className="soft">
        {ROLE_NAMES[history.role]}, here since <Time at={history.since} />
        {history.active ? "" : "; their account is deactivated"}.
      </p>
      <ul className={classes.counts} aria-label="Their requests so far">
        <Count value={history.asked} label="asked" />
        <Count value={history.approved} label="approved" />
        <Count value={history.rejected} label="rejected" />
        <Count value={history.undecided} label="open" />
      </ul>
      {standing && standing.failures > 0 && (
        <p>
          {plural(standing.failures, "run")} of this account failed within 30 days
          {standing.paused ? ", so it is paused until an owner has looked" : ""}.
        </p>
      )}
      {standing?.paused && can(user.role, "manageBudgets") && (
        <Excuse standing={standing} who={requester.name} />
      )}
      {can(user.role, "seePeople") && (
        <Anchor
          size="sm"
          renderRoot={(props) => (
            <Link to="/requests" search={{ requester: requester.email }} {...props} />
          )}
        >
          {requester.id === user.id ? "All your requests" : "All their requests"}
        </Anchor>
      )}
    </Part>
  );
}

function Count({ value, label }: { value: number; label: string }) {
  return (
    <li>
      <strong className="num">{value >= 1000 ? "1000+" : value}</strong> {label}
    </li>
  );
}
