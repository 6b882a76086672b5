"""Recording what approved code returned, to be held until people have looked at it."""

import re
import time
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.api.requests import OutputState
from carrel_protocol.canonical import tagged_hmac
from carrel_protocol.code import CodeContent
from carrel_protocol.jobs import CodeEnded
from carrel_protocol.outputs import OutputItem as Item
from carrel_site.audit.log import exact
from carrel_site.core.errors import InvalidInput
from carrel_site.datasets.models import Dataset
from carrel_site.datasets.storage import DigestMismatch
from carrel_site.events import notices
from carrel_site.outputs.models import Output
from carrel_site.requests.allowed import Rule
from carrel_site.requests.models import Request
from carrel_site.runs.models import Run
from carrel_site.site import Site

_RETURNED = re.compile(r"(run_[a-z0-9]+)_([0-9]+)")
_LEFT_SECONDS = 24 * 3600


def items_digest(site_key: bytes, run_id: str, items: list[dict[str, object]]) -> str:
    """What a decision names: all items of a run's output together, their bytes by their digests.

    Under the site's key: whoever was given most of the bytes could otherwise try what the rest may
    have been, until the digest of all is the one that the log or a receipt's hash goes back to.
    """
    return tagged_hmac(site_key, "output/1", [run_id, exact(items)])


def record_code(session: Session, site: Site, run: Run, result: CodeEnded, at: datetime) -> None:
    """Record a run's (locked) one output, held; its reviewers are told, and nobody else.

    Raises `InvalidInput` unless the items lie in the storage as the worker says.
    """
    request = session.get_one(Request, run.request_id)
    content = CodeContent.model_validate(request.content)
    names = [item.name for item in result.items]
    if len(set(names)) != len(names):
        raise InvalidInput("Two items have the same name.")
    total = sum(item.size for item in result.items)
    if total > content.limits.output_bytes or any(item.size < 0 for item in result.items):
        raise InvalidInput("The items are larger than the run may return.")
    for number, item in enumerate(result.items):
        try:
            site.storage.take(
                item_path(site, run.id, run.epoch, number), item.digest, item.size
            ).close()
        except DigestMismatch as mismatch:
            raise InvalidInput(str(mismatch)) from None
    items = [item.model_dump(mode="json") for item in result.items]
    by_rules = rule(policies(session, (one.dataset_id for one in content.data)).values())
    output = Output(
        run_id=run.id,
        state=OutputState.HELD.value,
        epoch=run.epoch,
        items=items,
        findings=[finding.model_dump(mode="json") for finding in result.findings],
        report=result.report.model_dump(mode="json"),
        votes_needed=by_rules.votes,
        reviewer_groups=sorted(by_rules.groups.union(request.reviewer_groups)),
        digest=items_digest(site.settings.site_key, run.id, items),
        recorded_at=at,
    )
    session.add(output)
    session.flush()
    notices.output_held(session, request, run.id)


def policies(session: Session, dataset_ids: Iterable[str]) -> dict[str, DatasetPolicy]:
    """The rules of datasets as they are now, by id."""
    rows = session.execute(
        select(Dataset.id, Dataset.policy).where(Dataset.id.in_(set(dataset_ids)))
    )
    return {row.id: DatasetPolicy.model_validate(row.policy) for row in rows}


def rule(rules: Collection[DatasetPolicy]) -> Rule:
    """How many people a release takes, and of which groups: the strictest of its datasets."""
    votes = max(each.release_reviewers or each.reviewers for each in rules)
    return Rule(votes, frozenset(group for each in rules for group in each.reviewer_groups))


def takes(session: Session, request: Request, output: Output) -> Rule:
    """What the release of an output takes: while it is held, by the rules of when it was recorded
    and by those of now, whichever ask more."""
    recorded = Rule(output.votes_needed, frozenset(output.reviewer_groups))
    if output.state != OutputState.HELD:
        return recorded
    now = rule(policies(session, [request.dataset_id, *request.also_datasets]).values())
    return Rule(max(recorded.votes, now.votes), recorded.groups | now.groups)


def item_path(site: Site, run_id: str, epoch: int, number: int) -> str:
    """Where an item is as the code returned it, relative to the storage's root."""
    return f"{site.storage.output_path(run_id, epoch)}/{number}"


def items_of(output: Output) -> list[Item]:
    return [Item.model_validate(item) for item in output.items or ()]


def sweep(site: Site) -> int:
    """Remove what attempts left that came to nothing: no output names it, and it is a day old.

    Returns how many went.
    """
    old = [
        name for name, made in site.storage.returned().items() if time.time() - made > _LEFT_SECONDS
    ]
    named = {name: match for name in old if (match := _RETURNED.fullmatch(name))}
    ids = {match[1] for match in named.values()}
    kept = site.db.read(lambda session: _epochs(session, ids))
    gone = [name for name, match in named.items() if kept.get(match[1]) != int(match[2])]
    for name in gone:
        site.storage.discard_returned(name)
    return len(gone)


def _epochs(session: Session, run_ids: set[str]) -> dict[str, int]:
    rows = session.execute(
        select(Output.run_id, Output.epoch).where(Output.run_id.in_(list(run_ids)))
    )
    return {row.run_id: row.epoch for row in rows}
