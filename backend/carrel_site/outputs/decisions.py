"""Releasing and withholding what code returned.

A reviewer's vote is bound to the digest of what they were shown, and blind until enough are in. One
vote to withhold decides; a release takes the number and groups of its rule, and only what each of
its voters let go leaves, with whatever any of them wanted rounded or taken out. What is decided
before the run's public end takes effect at that end, and not before (SOUNDNESS 13).
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.code import ReleaseDecision, Transform
from carrel_protocol.api.requests import OutputState, RunState
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.code import CodeContent
from carrel_protocol.outputs import OutputItem as Item
from carrel_protocol.schema import TableSchema
from carrel_site.accounts import repository as people
from carrel_site.audit.log import SITE, exact, record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, InvalidInput, NotFound
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.datasets.models import Dataset
from carrel_site.datasets.storage import DigestMismatch
from carrel_site.events import notices
from carrel_site.ledger import service as ledger
from carrel_site.outputs import held, transform
from carrel_site.outputs.models import Output, OutputItem, OutputVote
from carrel_site.requests import repository as request_rows
from carrel_site.requests import states
from carrel_site.requests.errors import ContentChanged, NotReviewer
from carrel_site.requests.models import Request
from carrel_site.requests.policies import enough
from carrel_site.runs import repository as run_rows
from carrel_site.runs.models import Run
from carrel_site.site import Site

NOTHING = "Nothing of it was released by everybody who voted."
TAMPERED = "The stored output is not what was recorded, so nothing of it leaves."


def decide(
    session: Session, site: Site, caller: Caller, run_id: str, asked: ReleaseDecision
) -> bool:
    """A reviewer's vote on an output. False when what is stored is not what was recorded: then
    nothing was decided, and the log says so."""
    asking = run_rows.asked_by(session, run_id)
    if asking is None:
        raise missing()
    request = request_rows.lock(session, asking[0])
    run = run_rows.lock(session, run_id)
    if request is None or run is None:
        raise missing()
    if request.requester_id == caller.user_id:
        # Before it is seen whether there is an output: that there is one must not show to them.
        raise NotReviewer("Nobody decides on what their own request returned.")
    output = session.get(Output, run_id, populate_existing=True)
    if output is None or output.items is None:
        raise missing()
    if output.state != OutputState.HELD or run.state != RunState.SUCCEEDED:
        raise states.InvalidTransition(f"This output is {output.state}; it waits for no decision.")
    people.user_still(session, caller.user_id)
    if not people.reviewers_among(session, [caller.user_id]):
        raise NotReviewer("You may not review any more.")
    recorded = held.items_digest(site.settings.site_key, run_id, output.items)
    if not asked.digest == output.digest == recorded:
        raise ContentChanged("Your decision names another output than this.")
    cast = votes(session, run_id)
    if any(vote.reviewer_id == caller.user_id for vote in cast):
        raise Conflict("You have voted on this output already.")
    _check(output, asked)
    if asked.decision == "release":
        try:
            for _, _, content in _leaving(
                site, output, _plan(output, [_Wish.of(asked)]), schemas_of(request)
            ):
                content.close()
        except DigestMismatch as mismatch:
            refused(session, run, request, mismatch)
            return False
    vote = OutputVote(
        id=new_id("vot"),
        run_id=run_id,
        reviewer_id=caller.user_id,
        decision=asked.decision,
        digest=asked.digest,
        items=None if asked.items is None else list(asked.items),
        transforms=[change.model_dump(mode="json") for change in asked.transforms],
        reason=asked.reason,
        at=now(),
    )
    session.add(vote)
    session.flush()
    if run.closed_at is not None:
        settle(session, site, run, output)
    return True


@dataclass(frozen=True, slots=True)
class _Wish:
    """What one vote lets go, and what it wants done to it before."""

    items: frozenset[str] | None
    changes: tuple[Transform, ...]

    @classmethod
    def of(cls, asked: ReleaseDecision) -> "_Wish":
        return cls(None if asked.items is None else frozenset(asked.items), asked.transforms)

    @classmethod
    def cast(cls, vote: OutputVote) -> "_Wish":
        changes = tuple(Transform.model_validate(change) for change in vote.transforms)
        return cls(None if vote.items is None else frozenset(vote.items), changes)


Plan = dict[int, tuple[Item, Transform | None]]
"""By number, the items that leave, and what is done to each."""


def settle(session: Session, site: Site, run: Run, output: Output) -> None:
    """Release or withhold a held output (its run locked and publicly ended) if its votes say so."""
    if output.state != OutputState.HELD:
        return
    cast = votes(session, run.id)
    request = session.get_one(Request, run.request_id)
    refusals = [vote for vote in cast if vote.decision == "withhold"]
    if refusals:
        _open(session, request, cast)
        _withhold(session, run, request, output, refusals[0].reason)
    elif _enough(session, request, output, cast):
        _open(session, request, cast)
        plan = _plan(output, [_Wish.cast(vote) for vote in cast])
        said = "\n".join(dict.fromkeys(vote.reason for vote in cast if vote.reason))
        if not plan and output.items:
            _withhold(session, run, request, output, said or NOTHING)
            return
        try:
            left = _put_out(site, output, plan, schemas_of(request))
        except DigestMismatch as mismatch:
            refused(session, run, request, mismatch)
            _withhold(session, run, request, output, TAMPERED)
            return
        _release(session, run, request, output, left, said)


def votes(session: Session, run_id: str) -> list[OutputVote]:
    """In the order in which they were cast."""
    query = select(OutputVote).where(OutputVote.run_id == run_id)
    return list(session.scalars(query.order_by(OutputVote.at, OutputVote.id)))


def schemas_of(request: Request) -> list[TableSchema]:
    """Of the datasets that the code was given."""
    return [one.table for one in CodeContent.model_validate(request.content).data]


def missing() -> NotFound:
    return NotFound("There is no such output.")


def _check(output: Output, asked: ReleaseDecision) -> None:
    """Raise `InvalidInput` unless a decision fits the output that it names."""
    names = {item.name for item in held.items_of(output)}
    if asked.decision == "withhold":
        if not asked.reason.strip():
            raise InvalidInput("Withholding needs a reason, which the researcher can read.")
        if asked.items is not None or asked.transforms:
            raise InvalidInput("What is withheld is withheld whole: name no items.")
        return
    leaving = names if asked.items is None else set(asked.items)
    if unknown := leaving - names:
        raise InvalidInput(f"The output has no item '{min(unknown)}'.")
    if names and not leaving:
        raise InvalidInput("A release of no item is a withholding: say so, with a reason.")
    changed = [change.item for change in asked.transforms]
    if len(set(changed)) != len(changed):
        raise InvalidInput("Two changes name the same item: put them into one.")
    if unknown := set(changed) - leaving:
        raise InvalidInput(f"'{min(unknown)}' is changed, but does not leave.")


def _plan(output: Output, wishes: Sequence[_Wish]) -> Plan:
    """What leaves by all of `wishes`: of each item the coarsest rounding, and every cell that any
    of them takes out."""
    plan: Plan = {}
    for number, item in enumerate(held.items_of(output)):
        if any(wish.items is not None and item.name not in wish.items for wish in wishes):
            continue
        changes = [change for wish in wishes for change in wish.changes if change.item == item.name]
        steps = [change.round_to for change in changes if change.round_to is not None]
        cells = sorted({cell for change in changes for cell in change.suppress})
        whole = None
        if steps or cells:
            whole = Transform(
                item=item.name, round_to=max(steps, default=None), suppress=tuple(cells)
            )
        plan[number] = (item, whole)
    return plan


def _leaving(
    site: Site, output: Output, plan: Plan, schemas: Sequence[TableSchema]
) -> Iterator[tuple[int, Item, IO[bytes]]]:
    """Each item as it leaves, with its bytes. Raises `DigestMismatch` where they are not those
    that were recorded, and `InvalidInput` where a change does not fit."""
    for number, (item, change) in plan.items():
        path = held.item_path(site, output.run_id, output.epoch, number)
        content = site.storage.take(path, item.digest, item.size)
        if change is not None:
            with content:
                if item.size > transform.MAX_BYTES:
                    raise InvalidInput(f"'{item.name}' is too large to be changed.")
                changed = transform.apply(item.kind, content.read(), change, schemas)
            content = io.BytesIO(changed)
            digest = hashlib.sha256(changed).hexdigest()
            item = item.model_copy(update={"size": len(changed), "digest": digest})  # noqa: PLW2901
        yield number, item, content


def _put_out(
    site: Site, output: Output, plan: Plan, schemas: Sequence[TableSchema]
) -> dict[int, Item]:
    """Copy what leaves to where it is read from; the items as they left, by number."""
    left = {}
    for number, item, content in _leaving(site, output, plan, schemas):
        with content:
            site.storage.put_released(output.run_id, number, content)
        left[number] = item
    return left


def _enough(session: Session, request: Request, output: Output, cast: list[OutputVote]) -> bool:
    takes = held.takes(session, request, output)
    voters = {vote.reviewer_id for vote in cast if vote.digest == output.digest}
    return enough(
        voters,
        max(1, takes.votes),
        takes.groups,
        reviewing=people.reviewers_among(session, voters),
        members=people.members_among(session, takes.groups, voters),
    )


def _release(
    session: Session,
    run: Run,
    request: Request,
    output: Output,
    left: dict[int, Item],
    reason: str,
) -> None:
    rows = _rows(output, left)
    session.add_all(rows)
    _become(output, OutputState.RELEASED, reason)
    session.flush()
    entries = _unbounded(session, run, request)
    record(
        session,
        SITE,
        "output.released",
        run.id,
        dataset=request.dataset_id,
        request=request.id,
        entries=entries,
        released=released_digest(rows),
        items=[item.name for item in left.values()],
    )
    notices.output_decided(session, request, run.id, OutputState.RELEASED, reason)


def _withhold(session: Session, run: Run, request: Request, output: Output, reason: str) -> None:
    session.add_all(_rows(output, {}))
    _become(output, OutputState.WITHHELD, reason)
    session.flush()
    record(
        session,
        SITE,
        "output.withheld",
        run.id,
        dataset=request.dataset_id,
        request=request.id,
        reason=reason,
    )
    notices.output_decided(session, request, run.id, OutputState.WITHHELD, reason)


def _become(output: Output, state: OutputState, reason: str) -> None:
    output.state = states.step(states.OUTPUT, output.state, state, "output")
    output.reason = reason


def _rows(output: Output, left: dict[int, Item]) -> list[OutputItem]:
    at = now()
    return [
        OutputItem(
            run_id=output.run_id,
            number=number,
            name=item.name,
            state=(OutputState.RELEASED if number in left else OutputState.WITHHELD).value,
            released=left[number].model_dump(mode="json") if number in left else None,
            at=at,
        )
        for number, item in enumerate(held.items_of(output))
    ]


def released_digest(rows: Sequence[OutputItem]) -> str:
    """What the log says of the items that left: which, and with what bytes."""
    left = [[row.number, row.released] for row in rows if row.released is not None]
    return tagged_hash("released/1", exact(sorted(left, key=lambda each: each[0])))


def _unbounded(session: Session, run: Run, request: Request) -> list[str]:
    """Note a release at the accounts of each population that the code was given data about.

    Entries are their researcher's to read: nothing of what was held and did not leave is in them.
    """
    content = CodeContent.model_validate(request.content)
    populations = {session.get_one(Dataset, one.dataset_id).population_id for one in content.data}
    return ledger.note_unbounded(
        session,
        sorted(populations),
        request.requester_id,
        run_id=run.id,
        request_id=request.id,
        detail={},
    )


def _open(session: Session, request: Request, cast: list[OutputVote]) -> None:
    """Log the votes, which stop being blind: what they brought about comes after them."""
    for vote in cast:
        detail: dict[str, Any] = {
            "decision": vote.decision,
            "output": vote.digest,
            "items": vote.items,
            "transforms": vote.transforms,
            "reason": vote.reason,
        }
        record(
            session,
            vote.reviewer_id,
            "output.voted",
            vote.run_id,
            dataset=request.dataset_id,
            **detail,
            vote=vote.id,
            voted_at=vote.at.isoformat(timespec="microseconds"),
        )


def refused(session: Session, run: Run, request: Request, why: DigestMismatch) -> None:
    record(session, SITE, "output.refused", run.id, dataset=request.dataset_id, reason=str(why))
