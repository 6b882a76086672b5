"""From a question to its plan, its price and the content an approval would cover.

Everything here comes from public facts: the declared table, the policy, the asker's accounts.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.api.requests import Price, QueryAsk, RunState
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import QueryPlan
from carrel_protocol.privacy import PrivacyTarget
from carrel_site.core.errors import InvalidInput
from carrel_site.core.http import Caller
from carrel_site.datasets import service as datasets
from carrel_site.datasets.service import AnswerableDataset
from carrel_site.ledger import service as ledger
from carrel_site.ledger.accounting import Cost
from carrel_site.ledger.service import Purse
from carrel_site.pricing import deadlines
from carrel_site.pricing.bind import check_plan
from carrel_site.pricing.price import (
    CONFIDENCE,
    PricedQuery,
    effective_bounds,
    price_query,
)
from carrel_site.pricing.sql import parse_sql
from carrel_site.pricing.words import in_words
from carrel_site.requests import policies, repository
from carrel_site.requests.fitting import largest_that_fits
from carrel_site.requests.models import Request
from carrel_site.requests.standing import Standing, standing
from carrel_site.runs import clock
from carrel_site.runs import repository as run_rows

FORGOTTEN = {RunState.FAILED, RunState.CANCELLED, RunState.EXPIRED}
"""How a run ends that leaves no answer to give again."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A question with everything that follows from it."""

    dataset: AnswerableDataset
    content: QueryContent
    price: Price
    costs: dict[str, Cost]
    """By account id, before the minimum charge."""
    memo_key: str
    standing: Standing


def quote(
    session: Session, caller: Caller, ask: QueryAsk, *, purpose: str = "", review: bool = False
) -> Quote:
    """Work out what `ask` means and costs for `caller`; reserves and reads nothing."""
    dataset = datasets.get_answerable(session, caller, ask.dataset)
    policies.check_kind(dataset.policy, dataset.dataset.name, "query")
    table = dataset.table
    plan = _plan(ask, dataset)
    bounds = effective_bounds(table, ask.bounds)
    accounts = ledger.purse(session, dataset.population_id, caller.user_id)
    priced = price_query(
        plan, table, bounds, ask.target, orders_milli=ledger.limits_of(accounts.mine).orders_milli
    )
    content = QueryContent(
        requester=caller.user_id,
        dataset_id=dataset.dataset.id,
        version_id=dataset.version_id,
        data_commitment=dataset.commitment,
        metadata_revision=dataset.revision,
        policy_revision=dataset.policy_revision,
        table=table,
        plan=plan,
        bounds=bounds,
        noise=priced.noise,
        claimed=priced.claimed,
        confidence=ask.target.confidence if ask.target.kind == "accuracy" else CONFIDENCE,
        purpose=purpose,
    )
    known = standing(session, accounts.mine.id)
    deadline = deadlines.deadline_ms(
        table.size.rows,
        priced.lowered,
        plan,
        extra_rungs=known.extra_rungs,
    )
    costs = {
        account.id: priced.cost(ledger.limits_of(account).orders_milli) for account in accounts
    }
    return Quote(
        dataset=dataset,
        content=content,
        price=_price(accounts, priced, costs, content, deadline, dataset.policy, review=review),
        costs=costs,
        memo_key=_memo_key(content, accounts.mine.id),
        standing=known,
    )


def advised(session: Session, caller: Caller, ask: QueryAsk) -> Price:
    """The price of `ask`, with what would fit if it does not, and whether it was asked before."""
    quoted = quote(session, caller, ask)
    found: dict[str, object] = {}
    earlier = repository.by_memo(session, quoted.memo_key)
    if earlier is not None and not forgotten(session, earlier.id):
        found["asked_before"] = earlier.id
    if not quoted.price.affordable:
        found["fits"] = largest_that_fits(ask.target, _admits(session, caller, quoted))
    return quoted.price.model_copy(update=found)


def asked_before(session: Session, memo_key: str) -> Request | None:
    """The live or answered request with this memo key.

    One whose run publicly ended without an answer is forgotten here, and not when it ended: when
    it ended is private until its deadline.
    """
    request = repository.by_memo(session, memo_key)
    if request is None:
        return None
    found = run_rows.of_request(session, request.id)
    if found is not None:
        run = found[0]
        if clock.is_public(run) and RunState(run.state) in FORGOTTEN:
            locked = repository.lock(session, request.id)
            assert locked is not None
            locked.memo_key = ""
            session.flush()
            return None
    return request


def forgotten(session: Session, request_id: str) -> bool:
    """Whether its run publicly ended without an answer: then asking again pays anew."""
    run = run_rows.of_request(session, request_id)
    return run is not None and clock.public_state(run[0]) in FORGOTTEN


def _admits(session: Session, caller: Caller, quoted: Quote) -> Callable[[PrivacyTarget], bool]:
    content = quoted.content
    accounts = ledger.purse(session, quoted.dataset.population_id, caller.user_id)

    def admits(target: PrivacyTarget) -> bool:
        orders = ledger.limits_of(accounts.mine).orders_milli
        priced = price_query(
            content.plan, content.table, content.bounds, target, orders_milli=orders
        )
        return all(
            ledger.admits(
                account,
                ledger.charge_of(account, priced.cost(ledger.limits_of(account).orders_milli)),
            )
            for account in accounts
        )

    return admits


def _plan(ask: QueryAsk, dataset: AnswerableDataset) -> QueryPlan:
    if (ask.sql is None) == (ask.plan is None):
        raise InvalidInput("Send either 'sql' or 'plan'.")
    if ask.sql is not None:
        return parse_sql(ask.sql, dataset.dataset.name, dataset.table)
    assert ask.plan is not None
    return check_plan(ask.plan, dataset.table)


def _price(
    accounts: Purse,
    priced: PricedQuery,
    costs: dict[str, Cost],
    content: QueryContent,
    deadline: int,
    policy: DatasetPolicy,
    *,
    review: bool,
) -> Price:
    mine, limits = accounts.mine, ledger.limits_of(accounts.mine)
    charge = ledger.charge_of(mine, costs[mine.id])
    share = ledger.share(charge, limits)
    return Price(
        epsilon=priced.epsilon,
        rho=priced.rho,
        costs=charge.nano,
        share=share,
        share_left_after=max(0.0, 1 - ledger.share(ledger.used(mine) + charge, limits)),
        expected_errors=priced.expected_errors,
        noise=priced.noise,
        groups=priced.lowered.keys,
        deadline_ms=deadline,
        affordable=all(
            ledger.admits(account, ledger.charge_of(account, costs[account.id]))
            for account in accounts
        ),
        approval=policies.approval(policy, share, review=review),
        plan=content.plan,
        in_words=in_words(content.plan, content.table, content.bounds),
    )


def _memo_key(content: QueryContent, account_id: str) -> str:
    """What makes two questions the same one: asked twice, it is paid once.

    The content without its policy and purpose: neither makes an answer another one.
    """
    asked = content.model_dump(mode="json", exclude={"policy_revision", "purpose"})
    return tagged_hash("memo/1", [account_id, asked])
