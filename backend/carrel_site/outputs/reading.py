"""Outputs as they are shown: held ones to those who decide, released ones to whoever asked.

Reviewers see what code returned as soon as it is there; its researcher, whatever their role, sees
nothing of it before the public end of the run, then that it is looked at, and then what left.
"""

import hashlib
from typing import IO, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.code import (
    CodeResult,
    HeldItem,
    HeldOutput,
    ReleaseVote,
    Transform,
    TransformPreview,
)
from carrel_protocol.api.common import Person
from carrel_protocol.api.requests import OutputState, RunState
from carrel_protocol.code import CodeContent
from carrel_protocol.outputs import Finding, RunReport
from carrel_protocol.outputs import OutputItem as Item
from carrel_site.accounts import groups as group_rows
from carrel_site.accounts.models import User
from carrel_site.audit.log import record
from carrel_site.code import programs
from carrel_site.core.errors import InvalidInput, NotFound
from carrel_site.core.http import Caller
from carrel_site.datasets.models import Dataset
from carrel_site.datasets.storage import DigestMismatch
from carrel_site.outputs import decisions, held, transform
from carrel_site.outputs.errors import OutputChanged
from carrel_site.outputs.models import Output, OutputItem, OutputVote
from carrel_site.requests.errors import NotReviewer
from carrel_site.requests.models import Request
from carrel_site.requests.moves import may_see
from carrel_site.runs import repository as run_rows
from carrel_site.runs.models import Run
from carrel_site.runs.views import output_state
from carrel_site.site import Site


class Row(NamedTuple):
    """An output with what it is of."""

    output: Output
    run: Run
    request: Request
    dataset: str
    requester: User


_ROWS = (
    select(Output, Run, Request, Dataset.name, User)
    .join(Run, Run.id == Output.run_id)
    .join(Request, Request.id == Run.request_id)
    .join(Dataset, Dataset.id == Request.dataset_id)
    .join(User, User.id == Request.requester_id)
    .where(Output.items.is_not(None), Run.state == RunState.SUCCEEDED.value)
)


def look(session: Session, caller: Caller, run_id: str) -> HeldOutput:
    """An output as its reviewers see it; the log says that the caller did."""
    row = _reviewable(session, caller, run_id)
    _note_view(session, caller, row)
    return view(session, caller, row)


def shown(session: Session, caller: Caller, run_id: str) -> HeldOutput:
    """An output that the caller has just voted on."""
    return view(session, caller, _reviewable(session, caller, run_id))


def view(session: Session, caller: Caller, row: Row) -> HeldOutput:
    output, request = row.output, row.request
    content = CodeContent.model_validate(request.content)
    decided = {item.number: item for item in _decided(session, output.run_id)}
    held_state = OutputState.HELD.value
    takes = held.takes(session, request, output)
    return HeldOutput(
        run_id=output.run_id,
        request_id=request.id,
        state=OutputState(output.state),
        items=tuple(
            HeldItem(
                item=item,
                state=OutputState(decided[number].state if number in decided else held_state),
                released_as=(
                    Item.model_validate(decided[number].released)
                    if number in decided and decided[number].released is not None
                    else None
                ),
            )
            for number, item in enumerate(held.items_of(output))
        ),
        findings=tuple(Finding.model_validate(finding) for finding in output.findings or ()),
        report=None if output.report is None else RunReport.model_validate(output.report),
        votes=_votes(session, caller, output),
        votes_needed=takes.votes,
        groups_needed=_groups(session, sorted(takes.groups)),
        digest=output.digest,
        reason=output.reason,
        requester=_person(row.requester),
        dataset=row.dataset,
        title=programs.title(content.entry),
        public_at=row.run.visible_at,
        recorded_at=output.recorded_at,
    )


def item_for_review(
    session: Session, site: Site, caller: Caller, run_id: str, name: str
) -> tuple[Item, IO[bytes]] | None:
    """An item's bytes as the code returned them; the log says that the caller read them.

    None when they are not those that were recorded: the log says that.
    """
    row = _reviewable(session, caller, run_id)
    number, item = _named(held.items_of(row.output), name)
    path = held.item_path(site, run_id, row.output.epoch, number)
    try:
        content = site.storage.take(path, item.digest, item.size)
    except DigestMismatch as mismatch:
        decisions.refused(session, row.run, row.request, mismatch)
        return None
    _note_view(session, caller, row, item=name)
    return item, content


def changed_for_review(
    session: Session, site: Site, caller: Caller, run_id: str, change: Transform
) -> TransformPreview | None:
    """An item as it would leave, by the very rule by which it does; looked at like its bytes."""
    found = item_for_review(session, site, caller, run_id, change.item)
    if found is None:
        return None
    item, stored = found
    with stored:
        if item.size > transform.MAX_BYTES:
            raise InvalidInput(f"'{item.name}' is too large to be changed.")
        content = stored.read()
    row = _reviewable(session, caller, run_id)
    changed = transform.apply(item.kind, content, change, decisions.schemas_of(row.request))
    return TransformPreview(
        item=item.model_copy(
            update={"size": len(changed), "digest": hashlib.sha256(changed).hexdigest()}
        ),
        content=changed.decode(),
        left_alone=transform.left_alone(item.kind, changed),
    )


def result(session: Session, caller: Caller, run_id: str) -> CodeResult:
    """What whoever asked gets: nothing before the run's public end."""
    run, _, output = _readable(session, caller, run_id)
    state = output_state(run, output)
    if output is None or state is None or state is OutputState.HELD:
        return CodeResult(run_id=run.id, state=state)
    left = [item.released for item in _decided(session, run.id) if item.released is not None]
    return CodeResult(
        run_id=run.id,
        state=state,
        items=tuple(Item.model_validate(item) for item in left),
        reason=output.reason,
    )


def released_item(
    session: Session, site: Site, caller: Caller, run_id: str, name: str
) -> tuple[Item, IO[bytes]]:
    """A released item's bytes, as they left."""
    run, _, output = _readable(session, caller, run_id)
    if output_state(run, output) is OutputState.RELEASED:
        for row in _decided(session, run_id):
            if row.name == name and row.released is not None:
                item = Item.model_validate(row.released)
                path = site.storage.released_path(run_id, row.number)
                try:
                    return item, site.storage.take(path, item.digest, item.size)
                except DigestMismatch:
                    raise OutputChanged("The stored item is not the one that left.") from None
    raise NotFound("Nothing of that name was released.")


def _reviewable(session: Session, caller: Caller, run_id: str) -> Row:
    # Whose it is comes first: to whoever asked, that there is an output yet must not show.
    asking = run_rows.asked_by(session, run_id)
    if asking is not None and asking[1] == caller.user_id:
        raise NotReviewer("Nobody looks at what their own request returned before it is released.")
    found = session.execute(_ROWS.where(Output.run_id == run_id)).one_or_none()
    if found is None:
        raise decisions.missing()
    return Row(*found)


def _readable(session: Session, caller: Caller, run_id: str) -> tuple[Run, Request, Output | None]:
    row = session.execute(
        select(Run, Request, Output)
        .join(Request, Request.id == Run.request_id)
        .outerjoin(Output, Output.run_id == Run.id)
        .where(Run.id == run_id, Run.kind == "code")
    ).one_or_none()
    if row is None or not may_see(caller, row[1].requester_id):
        raise NotFound("There is no such run of code.")
    return row[0], row[1], row[2]


def _named(items: list[Item], name: str) -> tuple[int, Item]:
    for number, item in enumerate(items):
        if item.name == name:
            return number, item
    raise NotFound("The output has no such item.")


def _note_view(session: Session, caller: Caller, row: Row, **detail: str) -> None:
    record(
        session,
        caller.user_id,
        "output.viewed",
        row.output.run_id,
        dataset=row.request.dataset_id,
        **detail,
    )


def _decided(session: Session, run_id: str) -> list[OutputItem]:
    query = select(OutputItem).where(OutputItem.run_id == run_id).order_by(OutputItem.number)
    return list(session.scalars(query))


def _votes(session: Session, caller: Caller, output: Output) -> tuple[ReleaseVote, ...]:
    """Blind until the output is decided: till then each reviewer sees their own."""
    query = (
        select(OutputVote, User)
        .join(User, User.id == OutputVote.reviewer_id)
        .where(OutputVote.run_id == output.run_id)
        .order_by(OutputVote.at, OutputVote.id)
    )
    return tuple(
        ReleaseVote(
            reviewer=_person(reviewer), decision=vote.decision, reason=vote.reason, at=vote.at
        )
        for vote, reviewer in session.execute(query)
        if output.state != OutputState.HELD.value or vote.reviewer_id == caller.user_id
    )


def _groups(session: Session, ids: list[str]) -> tuple[str, ...]:
    if not ids:
        return ()
    named = group_rows.refs(session, ids)
    return tuple(named[g].name if g in named else g for g in ids)


def _person(user: User) -> Person:
    return Person(id=user.id, name=user.name, email=user.email)
