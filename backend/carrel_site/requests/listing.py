"""Lists of requests: which ones, in which order, and what a row shows.

A page's ids are chosen from the table of requests alone, by one index; what a row needs besides is
joined to those few. The request's content, which is large, is never read.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, load_only

from carrel_protocol.api.requests import RequestState
from carrel_site.accounts.models import User
from carrel_site.core.db import inline
from carrel_site.core.models import Timestamp
from carrel_site.datasets import repository as datasets
from carrel_site.datasets.models import Dataset
from carrel_site.outputs.models import Output
from carrel_site.requests import waiting
from carrel_site.requests.models import Request, Vote
from carrel_site.runs.models import Run

_ID = re.compile(r"req_[a-z2-7]*")
_WORD = re.compile(r"\w+")
_MOST_WORDS = 16
_SIMPLE: ColumnElement[Any] = literal_column("'simple'::regconfig")
_SEVERAL: ColumnElement[bool] = literal_column("requests.also_datasets <> '{}'")
"""As the index of also_datasets has it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests: every condition that is set must hold."""

    visible_to: str | None = None
    """The person whose requests alone may be seen; None for those who see everyone's."""
    mine: str | None = None
    """The person whose own are asked for."""
    voter: str | None = None
    """The person whose vote they wait for."""
    states: tuple[RequestState, ...] = ()
    dataset: str | None = None
    """By id or name: of requests that are given several, each."""
    requester: str | None = None
    """By id or e-mail."""
    text: str | None = None
    """An id or the beginning of one, or words of the purpose, the last of which may be cut off."""
    oldest_first: bool = False


class Listed(NamedTuple):
    """A row of a list."""

    id: str
    kind: str
    purpose: str
    state: str
    votes_needed: int
    votes_cast: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    share: float
    in_words: str
    dataset: str
    requester_id: str
    requester_name: str
    requester_email: str
    output: str | None
    """The state of what code returned, as it is."""
    run: Run | None


def page(
    session: Session,
    wanted: Wanted,
    caller_id: str,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Listed]:
    """At most `limit` requests behind `after`, as `caller_id` may see them."""
    conditions = _conditions(session, wanted)
    if conditions is None:
        return []
    position = tuple_(Request.created_at, Request.id)
    if after is not None:
        place = tuple_(literal(after[0], Timestamp), after[1])
        conditions.append(position > place if wanted.oldest_first else position < place)
    if wanted.dataset is None:
        ids = _chosen(conditions, wanted, limit).subquery("chosen")
    else:
        dataset = datasets.dataset(session, wanted.dataset)
        if dataset is None:
            return []
        ids = _of_dataset(dataset.id, conditions, wanted, limit).subquery("chosen")
    query = (
        select(
            Request.id,
            Request.kind,
            Request.purpose,
            Request.state,
            Request.votes_needed,
            _votes_cast(caller_id),
            Request.created_at,
            Request.updated_at,
            Request.expires_at,
            Request.price["share"].as_float(),
            Request.price["in_words"].as_string(),
            Dataset.name,
            User.id,
            User.name,
            User.email,
            Output.state,
            Run,
        )
        .join(ids, ids.c.id == Request.id)
        .join(Dataset, Dataset.id == Request.dataset_id)
        .join(User, User.id == Request.requester_id)
        .outerjoin(Run, Run.request_id == Request.id)
        .outerjoin(Output, Output.run_id == Run.id)
        .options(load_only(Run.id, Run.kind, Run.state, Run.claimed_at, Run.closed_at))
    )
    query = _ordered(query, Request.created_at, Request.id, wanted)
    return [Listed(*row) for row in session.execute(query)]


def _chosen(conditions: list[ColumnElement[bool]], wanted: Wanted, limit: int) -> Select[Any]:
    query = select(Request.id, Request.created_at).where(*conditions)
    chosen: Select[Any] = _ordered(query, Request.created_at, Request.id, wanted).limit(limit)
    return chosen


def _of_dataset(
    dataset_id: str, conditions: list[ColumnElement[bool]], wanted: Wanted, limit: int
) -> Select[Any]:
    """The first of those that are given the dataset: as their first one, by an index in the list's
    order; as another, by an index of the few requests that have several. Merged: a condition on
    either would read all of a dataset's."""
    first = [*conditions, Request.dataset_id == dataset_id]
    also = [*conditions, _SEVERAL, Request.also_datasets.contains([dataset_id])]
    either = union_all(
        *(select(_chosen(each, wanted, limit).subquery()) for each in (first, also))
    ).subquery("either")
    merged: Select[Any] = _ordered(
        select(either.c.id, either.c.created_at), either.c.created_at, either.c.id, wanted
    ).limit(limit)
    return merged


def _ordered(query: Any, at: Any, row_id: Any, wanted: Wanted) -> Any:
    if wanted.oldest_first:
        return query.order_by(at, row_id)
    return query.order_by(at.desc(), row_id.desc())


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]] | None:
    """What must hold of a request; None when nothing can be found."""
    conditions: list[ColumnElement[bool]] = [
        Request.requester_id == person
        for person in (wanted.visible_to, wanted.mine)
        if person is not None
    ]
    if wanted.states:
        conditions.append(Request.state.in_([inline(state.value) for state in wanted.states]))
    if wanted.voter is not None:
        conditions += waiting.waits_for(wanted.voter)
    if wanted.requester is not None:
        user = datasets.user(session, wanted.requester)
        if user is None:
            return None
        conditions.append(Request.requester_id == user.id)
    if wanted.text is not None and wanted.text.strip():
        found = _matches(wanted.text.strip())
        if found is None:
            return None
        conditions += found
    return conditions


def _matches(text: str) -> list[ColumnElement[bool]] | None:
    if _ID.fullmatch(text):
        # As a range, which the primary key's index answers; LIKE alone it may not.
        return [
            Request.id >= text,
            Request.id <= text + "z" * 32,
            Request.id.startswith(text, autoescape=True),
        ]
    words = _WORD.findall(text)[:_MOST_WORDS]
    if not words:
        return None
    # Words hold no character that a text search query gives a meaning to. They stand in the
    # statement's text: a plan made for any words would be wrong for the rare or the common ones.
    query = " & ".join([*words[:-1], f"{words[-1]}:*"])
    sought: BindParameter[str] = bindparam(None, query, literal_execute=True)
    purpose = func.to_tsvector(_SIMPLE, Request.purpose)
    return [purpose.op("@@")(func.to_tsquery(_SIMPLE, sought))]


def _votes_cast(caller_id: str) -> Any:
    """Votes on the request as it is; until it is decided, the caller's own alone."""
    return (
        select(func.count())
        .where(
            Vote.request_id == Request.id,
            Vote.round == Request.round,
            Vote.content_hash == Request.content_hash,
            (Request.state != RequestState.SUBMITTED.value) | (Vote.reviewer_id == caller_id),
        )
        .correlate(Request)
        .scalar_subquery()
    )
