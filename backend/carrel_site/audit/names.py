"""What the ids in the log stand for, in words, for people to read.

They are looked up as they are now and are no part of the chain: exports have none. What is gone
keeps its id. Nothing is named by what only owners may know of it: no sizes, digests or times.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import ColumnElement, Select, case, func, literal, select, union_all
from sqlalchemy.orm import Session, aliased

from carrel_site.accounts.models import ApiKey, Group, Invitation, User
from carrel_site.audit.models import AuditEvent
from carrel_site.datasets.models import Dataset, DatasetVersion, Population, Upload
from carrel_site.ledger.models import LedgerAccount
from carrel_site.requests.models import Request
from carrel_site.runs.models import Run, Worker

_SESSION = "ses"
Ids = list[str]


def of_events(session: Session, events: Iterable[AuditEvent]) -> dict[str, str]:
    """Names of the events' actors and subjects by id, as far as they have any: one statement."""
    wanted: dict[str, set[str]] = {}
    ended: dict[str, str] = {}
    for event in events:
        person = event.detail.get("user")
        if _kind(event.subject) == _SESSION and isinstance(person, str):
            ended[event.subject] = person  # its row is gone: the event says whose it was
        for named in (event.actor, event.subject, ended.get(event.subject, "")):
            if _kind(named) in _NAMED:
                wanted.setdefault(_kind(named), set()).add(named)
    if not wanted:
        return {}
    looked_up = [_NAMED[kind](sorted(ids)) for kind, ids in sorted(wanted.items())]
    names = {row[0]: str(row[1]) for row in session.execute(union_all(*looked_up))}
    for subject, person in ended.items():
        if person in names:
            names[subject] = f"session of {names[person]}"
    return names


def _kind(named: str) -> str:
    return named.partition("_")[0]


def _plain(model: type[User | Population | Group | Worker]) -> Callable[[Ids], Select[str, str]]:
    return lambda ids: select(model.id, model.name).where(model.id.in_(ids))


_DATASET: ColumnElement[str] = case((Dataset.title != "", Dataset.title), else_=Dataset.name)


def _datasets(ids: Ids) -> Select[str, str]:
    return select(Dataset.id, _DATASET).where(Dataset.id.in_(ids))


def _versions(ids: Ids) -> Select[str, str]:
    mock = DatasetVersion.purpose == "mock"
    what = case((mock, literal("made-up rows for ")), else_=literal("version of "))
    query = select(DatasetVersion.id, func.concat(what, _DATASET))
    query = query.join(Dataset, Dataset.id == DatasetVersion.dataset_id)
    return query.where(DatasetVersion.id.in_(ids))


def _uploads(ids: Ids) -> Select[str, str]:
    query = select(Upload.id, func.concat("upload for ", _DATASET))
    return query.join(Dataset, Dataset.id == Upload.dataset_id).where(Upload.id.in_(ids))


_ASKED: ColumnElement[str] = case(
    (Request.kind == "code", "code of "),
    (Request.kind == "black_box", "black box of "),
    else_="question of ",
)


def _requests(ids: Ids) -> Select[str, str]:
    query = select(Request.id, func.concat(_ASKED, User.name, " about ", _DATASET))
    query = query.join(User, User.id == Request.requester_id)
    return query.join(Dataset, Dataset.id == Request.dataset_id).where(Request.id.in_(ids))


def _runs(ids: Ids) -> Select[str, str]:
    """Of a question, or laying out a version."""
    whose = case(
        (User.id.is_not(None), func.concat("run for ", User.name, " on ", _DATASET)),
        else_=func.concat("laying out of ", _DATASET),
    )
    query = (
        select(Run.id, whose)
        .outerjoin(Request, Request.id == Run.request_id)
        .outerjoin(User, User.id == Request.requester_id)
        .outerjoin(DatasetVersion, DatasetVersion.id == Run.version_id)
        .join(
            Dataset,
            Dataset.id == func.coalesce(Request.dataset_id, DatasetVersion.dataset_id),
        )
    )
    return query.where(Run.id.in_(ids))


def _keys(ids: Ids) -> Select[str, str]:
    query = select(ApiKey.id, func.concat("key “", ApiKey.label, "” of ", User.name))
    return query.join(User, User.id == ApiKey.user_id).where(ApiKey.id.in_(ids))


def _accounts(ids: Ids) -> Select[str, str]:
    holder = aliased(User)
    whose = func.coalesce(holder.name, literal("everyone together"))
    query = select(LedgerAccount.id, func.concat("budget of ", whose, " at ", Population.name))
    query = query.join(Population, Population.id == LedgerAccount.population_id)
    query = query.outerjoin(holder, holder.id == LedgerAccount.user_id)
    return query.where(LedgerAccount.id.in_(ids))


def _invitations(ids: Ids) -> Select[str, str]:
    query = select(Invitation.id, func.concat("invitation of ", Invitation.email))
    return query.where(Invitation.id.in_(ids))


_NAMED: dict[str, Callable[[Ids], Select[str, str]]] = {
    "acc": _accounts,
    "ds": _datasets,
    "grp": _plain(Group),
    "inv": _invitations,
    "key": _keys,
    "pop": _plain(Population),
    "req": _requests,
    "run": _runs,
    "upl": _uploads,
    "usr": _plain(User),
    "ver": _versions,
    "wrk": _plain(Worker),
}
