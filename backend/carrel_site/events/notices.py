"""What people are told, in the transaction of what it tells, so that neither is without the other.

A question that policy approves makes no notification when it is asked, and none when its answer
comes within `WAITED`: whoever asked is still there, has the answer, and would find the console
full of it. What took longer, because people reviewed it or the workers were busy, makes one when
its end becomes public, in the transaction that closes it.
"""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_protocol.api.requests import OutputState, RequestState, RunState
from carrel_site.accounts.models import User
from carrel_site.core.clock import now
from carrel_site.core.db import insert_rows
from carrel_site.core.ids import new_id
from carrel_site.datasets.models import Dataset, Population
from carrel_site.events import changes
from carrel_site.events.changes import Asking
from carrel_site.events.kinds import Kind
from carrel_site.events.models import Notification
from carrel_site.ledger.models import LedgerAccount
from carrel_site.requests import waiting
from carrel_site.requests.models import Comment, Request, Vote
from carrel_site.runs.models import Run, Worker

WAITED = timedelta(seconds=30)
"""For an answer that comes sooner than this after the question, its asker is still there."""
_LONGEST_BODY = 500

_DECIDED = {
    RequestState.QUEUED: (Kind.REQUEST_APPROVED, "Approved: {asked} {dataset}"),
    RequestState.OVER_BUDGET: (
        Kind.REQUEST_OVER_BUDGET,
        "Approved, but over budget: {asked} {dataset}",
    ),
    RequestState.CHANGES_REQUESTED: (
        Kind.REQUEST_RETURNED,
        "Returned for changes: {asked} {dataset}",
    ),
    RequestState.REJECTED: (Kind.REQUEST_REJECTED, "Rejected: {asked} {dataset}"),
    RequestState.EXPIRED: (
        Kind.REQUEST_EXPIRED,
        "Expired without an answer: {asked} {dataset}",
    ),
}
_ENDED = {
    RunState.SUCCEEDED: (Kind.RUN_ANSWERED, "Answered: {asked} {dataset}"),
    RunState.FAILED: (Kind.RUN_FAILED, "Failed: {asked} {dataset}"),
    RunState.EXPIRED: (
        Kind.RUN_EXPIRED,
        "No worker took it, and it was refunded: {asked} {dataset}",
    ),
}
_CODE_ENDED = _ENDED | {
    RunState.SUCCEEDED: (Kind.RUN_HELD, "Under review: what {asked} {dataset} returned"),
    RunState.EXPIRED: (Kind.RUN_EXPIRED, "No worker took it: {asked} {dataset}"),
}
_ASKED = {
    "query": "your question about",
    "code": "your code on",
    "black_box": "your black box on",
}
"""What is said of a request to whoever made it, by its kind."""
_COMMENTED = {"query": "a question about", "code": "code for", "black_box": "a black box for"}


def notify(
    session: Session,
    people: Iterable[str],
    kind: Kind,
    title: str,
    *,
    link: str,
    subject: str,
    body: str = "",
) -> None:
    """Tell each of `people` (ids), in the console and, as they want it, by e-mail.

    title: without anything private, since it goes into e-mails; body: shown in the console alone.
    """
    told = sorted(set(people))
    if not told:
        return
    at = now()
    rows = [
        Notification(
            id=new_id("ntf"),
            user_id=user_id,
            kind=kind.value,
            title=title,
            body=_short(body),
            link=link,
            subject=subject,
            at=at,
        )
        for user_id in told
    ]
    insert_rows(session, rows)
    changes.publish(session, "notification", {"at": at.isoformat()}, told)


def submitted(session: Session, request: Request, *, edited: bool = False) -> None:
    """A request waits for people: those whose vote it asks for are told."""
    who = session.scalars(select(User.name).where(User.id == request.requester_id)).one()
    asks = {
        "query": ("asks about", "edited a question about"),
        "code": ("asks to run code on", "edited code to run on"),
        "black_box": ("asks to run a black box on", "edited a black box to run on"),
    }
    what = asks[request.kind][edited]
    notify(
        session,
        waiting.asked(session, request),
        Kind.REQUEST_SUBMITTED,
        f"To review: {who} {what} {_dataset_name(session, request.dataset_id)}",
        body=request.purpose,
        link=_request_link(request.id),
        subject=request.id,
    )


def decided(session: Session, request: Request, reason: str = "") -> None:
    """A request is not for review any more, whatever came of it: its requester is told what.

    Nobody is told of a request that its own requester withdrew.
    """
    resolve(session, request.id, Kind.REQUEST_SUBMITTED)
    told = _DECIDED.get(RequestState(request.state))
    if told is None:
        return
    kind, title = told
    notify(
        session,
        [request.requester_id],
        kind,
        _about(title, session, request.kind, request.dataset_id),
        body=reason,
        link=_request_link(request.id),
        subject=request.id,
    )


def commented(session: Session, request: Request, author_id: str, text: str) -> None:
    """Somebody wrote in a request's thread: its requester, and those who have taken part.

    A vote makes its reviewer take part, which tells nobody else that there is one.
    """
    wrote = select(Comment.author_id).where(Comment.request_id == request.id)
    voted = select(Vote.reviewer_id).where(Vote.request_id == request.id)
    taking_part = {*session.scalars(wrote.union(voted)), request.requester_id} - {author_id}
    active = session.scalars(select(User.id).where(User.id.in_(taking_part), User.active))
    who = session.scalars(select(User.name).where(User.id == author_id)).one()
    dataset = _dataset_name(session, request.dataset_id)
    notify(
        session,
        active,
        Kind.REQUEST_COMMENTED,
        f"{who} commented on {_COMMENTED[request.kind]} {dataset}",
        body=text,
        link=_request_link(request.id),
        subject=request.id,
    )


def run_ended(session: Session, run: Run, asking: Asking) -> None:
    """A run's end became public: whoever asked is told, unless they have waited for it."""
    told = (_CODE_ENDED if run.kind == "code" else _ENDED).get(RunState(run.state))
    if told is None or now() - asking.asked_at <= WAITED:
        return
    assert run.request_id is not None
    kind, title = told
    notify(
        session,
        [asking.requester_id],
        kind,
        _about(title, session, run.kind, asking.dataset_id),
        link=_request_link(run.request_id),
        subject=run.request_id,
    )


def output_held(session: Session, request: Request, run_id: str) -> None:
    """What code returned waits for people, who are told before its researcher learns that it is
    there: never its researcher, whatever their role."""
    who = session.scalars(select(User.name).where(User.id == request.requester_id)).one()
    people = waiting.asked(session, request)
    notify(
        session,
        people,
        Kind.OUTPUT_HELD,
        f"To release: what {who}'s code on {_dataset_name(session, request.dataset_id)} returned",
        body=request.purpose,
        link=f"/outputs/{run_id}",
        subject=run_id,
    )
    changes.output_held(session, run_id, request.id, people)


def output_decided(
    session: Session, request: Request, run_id: str, state: OutputState, reason: str
) -> None:
    """People decided what becomes of what code returned: its researcher is told."""
    resolve(session, run_id, Kind.OUTPUT_HELD)
    released = state is OutputState.RELEASED
    title = "Released: what {asked} {dataset} returned"
    if not released:
        title = "Withheld: what {asked} {dataset} returned"
    notify(
        session,
        [request.requester_id],
        Kind.OUTPUT_RELEASED if released else Kind.OUTPUT_WITHHELD,
        _about(title, session, request.kind, request.dataset_id),
        body=reason,
        link=_request_link(request.id),
        subject=request.id,
    )
    changes.output_decided(session, request, run_id, state.value)


def access_given(session: Session, dataset: Dataset, user_id: str) -> None:
    notify(
        session,
        [user_id],
        Kind.ACCESS_GIVEN,
        f"You may ask questions about {dataset.title or dataset.name}",
        link=f"/datasets/{dataset.name}",
        subject=dataset.id,
    )


def access_taken(session: Session, dataset: Dataset, user_id: str) -> None:
    notify(
        session,
        [user_id],
        Kind.ACCESS_TAKEN,
        f"Your access to {dataset.title or dataset.name} has ended",
        body="What you have asked, and its answers, stay.",
        link="/datasets",
        subject=dataset.id,
    )


def limit_raised(session: Session, account: LedgerAccount, reason: str) -> None:
    """A person's own account; everyone's together has no person to be told."""
    if account.user_id is not None:
        notify(
            session,
            [account.user_id],
            Kind.LIMIT_RAISED,
            f"Your budget at {_population_name(session, account)} was raised",
            body=reason,
            link=f"/budgets/{account.id}",
            subject=account.id,
        )


def budget_low(session: Session, account: LedgerAccount) -> None:
    """A charge took an account below a tenth of its limit: its person, or else the owners."""
    population = _population_name(session, account)
    if account.user_id is not None:
        people: Iterable[str] = [account.user_id]
        title = f"Less than 10 % of your budget at {population} is left"
    else:
        people = _owners(session)
        title = f"Less than 10 % of the budget of everyone together at {population} is left"
    notify(
        session, people, Kind.BUDGET_LOW, title, link=f"/budgets/{account.id}", subject=account.id
    )


def version_ended(session: Session, dataset: Dataset, version_id: str, *, ready: bool) -> None:
    """An upload was laid out, or failed: for owners alone, as is when. The version says why."""
    name = dataset.title or dataset.name
    notify(
        session,
        _owners(session),
        Kind.VERSION_READY if ready else Kind.VERSION_FAILED,
        f"New data of {name} is ready" if ready else f"New data of {name} was refused",
        link=f"/datasets/{dataset.name}",
        subject=version_id,
    )


def worker_silent(session: Session, worker: Worker) -> None:
    notify(
        session,
        _owners(session),
        Kind.WORKER_SILENT,
        f"Nothing has been heard of the worker {worker.name}",
        body="Questions wait while no worker takes them. Look at its logs, and start it again.",
        link="/settings",
        subject=worker.id,
    )


def resolve(session: Session, subject: str, kind: Kind) -> None:
    """What was to be done is done: nobody needs to read of it any more."""
    session.execute(
        update(Notification)
        .where(
            Notification.subject == subject,
            Notification.kind == kind.value,
            Notification.read_at.is_(None),
        )
        .values(read_at=now())
        .execution_options(synchronize_session=False)
    )


def _owners(session: Session) -> list[str]:
    """Those who are active."""
    query = select(User.id).where(User.role == Role.OWNER.value, User.active)
    return list(session.scalars(query))


def _dataset_name(session: Session, dataset_id: str) -> str:
    title, name = session.execute(
        select(Dataset.title, Dataset.name).where(Dataset.id == dataset_id)
    ).one()
    return title or name


def _about(title: str, session: Session, kind: str, dataset_id: str) -> str:
    return title.format(asked=_ASKED[kind], dataset=_dataset_name(session, dataset_id))


def _population_name(session: Session, account: LedgerAccount) -> str:
    return session.scalars(
        select(Population.name).where(Population.id == account.population_id)
    ).one()


def _request_link(request_id: str) -> str:
    return f"/requests/{request_id}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_BODY else f"{text[: _LONGEST_BODY - 1]}…"
