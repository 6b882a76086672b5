"""What a reviewer weighs beside a request: who asks, what is left, which rules apply.

All of it is public to the requester too, but for everyone's account itself: of that they see what
is left, as they do on their own budget's page.
"""

from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.api.requests import (
    AccountUse,
    RequestBackground,
    RequesterHistory,
    RequestState,
    Standing,
)
from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.code import CodeContent
from carrel_site.accounts.models import User
from carrel_site.core.http import Caller
from carrel_site.core.permissions import Permission
from carrel_site.datasets.models import Dataset
from carrel_site.ledger import service as ledger
from carrel_site.ledger.errors import NoBudget
from carrel_site.ledger.models import LedgerAccount
from carrel_site.pricing import price
from carrel_site.requests import repository, waiting
from carrel_site.requests.models import Request
from carrel_site.requests.reserving import Private, private_content
from carrel_site.requests.standing import FAILURES_ALLOWED, standing

_S = RequestState
_APPROVED = (_S.APPROVED, _S.OVER_BUDGET, _S.QUEUED)
_UNDECIDED = (_S.SUBMITTED, _S.CHANGES_REQUESTED)


def background(session: Session, caller: Caller, request: Request) -> RequestBackground:
    """What `caller` may know of a request that they may see."""
    dataset = session.get_one(Dataset, request.dataset_id)
    counts = _approval_counts(session, caller, request)
    if request.kind == "code":
        return _of_code(session, request, dataset, counts)
    content = private_content(request)
    try:
        purse = ledger.purse(session, dataset.population_id, request.requester_id)
    except NoBudget:
        purse = None
    sees_all = caller.may(Permission.BUDGETS_READ_ALL)
    return RequestBackground(
        history=_history(session, request.requester_id),
        mine=_use(purse.mine, content, named=True) if purse else None,
        together=_use(purse.together, content, named=sees_all) if purse else None,
        standing=standing_of(session, purse.mine.id, request.kind) if purse else None,
        policy=DatasetPolicy.model_validate(dataset.policy),
        policy_changed=dataset.policy_revision != _policy_revision(content),
        approval_counts=counts,
    )


def _policy_revision(content: Private) -> int:
    return (content.data if isinstance(content, BlackBoxContent) else content).policy_revision


def _approval_counts(session: Session, caller: Caller, request: Request) -> bool | None:
    if request.state != _S.SUBMITTED or request.requester_id == caller.user_id:
        return None
    if not caller.may(Permission.REQUESTS_REVIEW):
        return None
    return waiting.can_count(session, request, caller.user_id)


def _of_code(
    session: Session, request: Request, dataset: Dataset, counts: bool | None
) -> RequestBackground:
    """Code takes nothing of a budget, and how it ends counts against nobody."""
    content = CodeContent.model_validate(request.content)
    rules = [session.get_one(Dataset, one.dataset_id) for one in content.data]
    return RequestBackground(
        history=_history(session, request.requester_id),
        mine=None,
        together=None,
        standing=None,
        policy=DatasetPolicy.model_validate(dataset.policy),
        policy_changed=any(
            each.policy_revision != one.policy_revision
            for each, one in zip(rules, content.data, strict=True)
        ),
        approval_counts=counts,
    )


def standing_of(session: Session, account_id: str, kind: str) -> Standing:
    """How an account stands, for people to read."""
    known = standing(session, account_id, kind)
    return Standing(
        account_id=account_id,
        failures=known.failures,
        overruns=known.overruns,
        paused=known.failures >= FAILURES_ALLOWED,
    )


def _use(account: LedgerAccount, content: Private, *, named: bool) -> AccountUse:
    limits = ledger.limits_of(account)
    charge = ledger.charge_of(account, price.cost_of(content, limits.orders_milli))
    return AccountUse(
        account_id=account.id if named else None,
        share_spent=ledger.share_used(account),
        share_price=ledger.share(charge, limits),
        admits=ledger.admits(account, charge),
    )


def _history(session: Session, requester_id: str) -> RequesterHistory:
    person = session.get_one(User, requester_id)
    counts = repository.states_of(session, requester_id)
    return RequesterHistory(
        role=Role(person.role),
        since=person.created_at,
        active=person.active,
        asked=sum(counts.values()),
        approved=sum(counts.get(state.value, 0) for state in _APPROVED),
        rejected=counts.get(_S.REJECTED.value, 0),
        undecided=sum(counts.get(state.value, 0) for state in _UNDECIDED),
    )
