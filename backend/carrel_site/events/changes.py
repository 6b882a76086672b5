"""Telling open streams, in every process, that something changed publicly.

A NOTIFY inside the transaction that changes it: whoever rolls back told nobody. It names ids and
public states only; whoever is told reads the rest, as they may. A run's end is told by the
transaction that makes it public, and by no other.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_site.datasets.models import DatasetAccess
from carrel_site.events.wakeups import TOLD
from carrel_site.requests.models import Request
from carrel_site.runs.models import Run

READERS = (Role.OWNER, Role.REVIEWER, Role.AUDITOR)
"""Who sees everybody's requests and, by their public clock, runs."""
WATCHERS = (Role.OWNER, Role.AUDITOR)
"""Who sees versions of data come and fail."""

_NAMES_EACH = 150
"""People named in one NOTIFY, whose payload may have 8000 bytes."""
_NOTIFY = select(
    func.pg_notify(TOLD, func.unnest(bindparam("payloads", type_=ARRAY(Text)))),
)


def publish(
    session: Session,
    event: str,
    data: dict[str, Any],
    people: Iterable[str] = (),
    roles: Sequence[Role] = (),
) -> None:
    """Tell the streams of `people` (ids) and of whoever has one of `roles`, upon commit."""
    named = list(people)
    starts = range(0, len(named), _NAMES_EACH) or range(1)
    payloads = [
        json.dumps(
            {
                "event": event,
                "data": data,
                "to": named[start : start + _NAMES_EACH],
                "roles": [role.value for role in roles] if start == 0 else [],
            }
        )
        for start in starts
    ]
    session.connection().execute(_NOTIFY, {"payloads": payloads})


def request_changed(session: Session, request: Request) -> None:
    """A request's public state, content or thread changed: its requester's, and staff's."""
    data = {"id": request.id, "state": request.state}
    publish(session, "request", data, [request.requester_id], READERS)


def vote_cast(session: Session, request: Request, reviewer_id: str) -> None:
    """A vote that others must not know of yet: told to whoever cast it."""
    publish(session, "request", {"id": request.id, "state": request.state}, [reviewer_id])


def output_held(session: Session, run_id: str, request_id: str, people: Iterable[str]) -> None:
    """What code returned waits for `people`. Named one by one: by its role a stream would reach a
    reviewer who is also whoever asked, before the public time."""
    data = {"id": run_id, "request_id": request_id, "state": "held"}
    publish(session, "output", data, people)


def output_decided(session: Session, request: Request, run_id: str, state: str) -> None:
    """People released or withheld what code returned, and its run has publicly ended."""
    data = {"id": run_id, "request_id": request.id, "state": state}
    publish(session, "output", data, [request.requester_id], READERS)


class Asking(NamedTuple):
    """Who asked what a run answers, and when."""

    requester_id: str
    dataset_id: str
    asked_at: datetime


_RUN_ENDED = select(
    func.pg_notify(
        TOLD,
        cast(
            func.json_build_object(
                "event",
                "run",
                "data",
                func.json_build_object(
                    "id",
                    bindparam("run", type_=Text),
                    "request_id",
                    Request.id,
                    "state",
                    bindparam("state", type_=Text),
                ),
                "to",
                func.json_build_array(Request.requester_id),
                "roles",
                func.json_build_array(*(role.value for role in READERS)),
            ),
            Text,
        ),
    ),
    Request.requester_id,
    Request.dataset_id,
    Request.created_at,
).where(Request.id == bindparam("request"))


def run_ended(session: Session, run: Run) -> Asking:
    """A private run's end became public in this transaction: its requester's, and staff's.

    One statement, which every question's answer waits for: it also reads who asked, and when.
    """
    row = session.connection().execute(
        _RUN_ENDED, {"run": run.id, "request": run.request_id, "state": run.state}
    )
    _, requester_id, dataset_id, asked_at = row.one()
    return Asking(requester_id, dataset_id, asked_at)


def dataset_changed(session: Session, dataset_id: str, *, also: Iterable[str] = ()) -> None:
    """What a dataset says or who may use it changed: whoever may see it, and people in `also`."""
    granted = select(DatasetAccess.user_id).where(DatasetAccess.dataset_id == dataset_id)
    people = {*session.scalars(granted), *also}
    publish(session, "dataset", {"id": dataset_id}, sorted(people), READERS)


def version_changed(session: Session, dataset_id: str) -> None:
    """A version came, was laid out or failed: when is for owners and auditors to know."""
    publish(session, "dataset", {"id": dataset_id}, roles=WATCHERS)
