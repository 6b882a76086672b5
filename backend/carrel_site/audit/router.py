"""Reading the audit log."""

import re
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime, BeforeValidator
from sqlalchemy.orm import Session
from starlette.responses import StreamingResponse

from carrel_protocol.api.audit import AuditEvent, AuditKey, NamedAuditEvent
from carrel_protocol.api.common import Page, SignedHead
from carrel_site.audit import models, names, repository, verification
from carrel_site.audit.anchors import latest_anchor, signed_head
from carrel_site.core.clock import now
from carrel_site.core.errors import NotFound
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.pagination import Cursor, Limit, decode_cursor, encode_cursor
from carrel_site.core.permissions import Permission
from carrel_site.site import Site

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

Anyone = Annotated[Caller, require(Permission.AUDIT_HEAD)]
Filter = Annotated[str | None, Query(max_length=200)]

_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt]")


def _written(value: str) -> str:
    """Refuse what pydantic takes for seconds since 1970: a year that was written alone, say."""
    if not _DATE.match(value):
        raise ValueError("a time is written like 2026-01-31T12:00:00Z (RFC 3339)")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]

_JSON_LINES = "application/jsonl"


@router.get("/events", dependencies=[require(Permission.AUDIT_READ)])
def list_audit_events(
    site: SiteDep,
    actor: Filter = None,
    action: Annotated[
        str | None,
        Query(max_length=200, description="Its beginning: `key.` for all that happens to keys."),
    ] = None,
    subject: Filter = None,
    since: Annotated[Moment | None, Query(description="At this time or later.")] = None,
    until: Annotated[Moment | None, Query(description="Before this time.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[NamedAuditEvent]:
    """What happened, newest first, with what the ids stand for."""
    before = decode_cursor(cursor, int)[0] if cursor is not None else None
    wanted = repository.Wanted(actor, action, subject, since, until)

    def work(session: Session) -> Page[NamedAuditEvent]:
        rows = repository.newest_first(session, wanted, before=before, limit=limit + 1)
        following = encode_cursor(rows[limit - 1].sequence) if len(rows) > limit else None
        return Page(items=_named(session, rows[:limit]), next_cursor=following)

    return site.db.read(work)


@router.get("/head")
def read_audit_head(site: SiteDep, caller: Anyone) -> SignedHead:
    """The log's end, signed: keep it, and nobody can rewrite what came before unnoticed.

    Owners and auditors get it as it is now, others as it was last anchored: how the log grows
    from second to second would tell when a private run ended.
    """
    if caller.may(Permission.AUDIT_READ):
        sequence, digest = site.db.read(repository.head)
        return signed_head(site.signer, sequence, digest, now())
    anchored = latest_anchor(site.settings.anchors_file)
    if anchored is None:
        raise NotFound(
            "No head has been anchored yet.", advice="One is, every minute in which things happen."
        )
    return anchored


@router.get("/key", dependencies=[require(Permission.AUDIT_HEAD)])
def read_audit_key(site: SiteDep) -> AuditKey:
    """The public key that heads, receipts and exports are signed with."""
    return AuditKey(
        key_id=site.signer.key_id, public_key=site.signer.public.public_bytes_raw().hex()
    )


@router.get(
    "/events/export",
    dependencies=[require(Permission.AUDIT_READ)],
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One event a line, oldest first; the last line is the signed head.",
            "content": {_JSON_LINES: {"schema": {"type": "string"}}},
        }
    },
)
def export_audit_events(site: SiteDep) -> StreamingResponse:
    """The whole log as JSON lines, then `{"head": …}`: its end, signed."""
    return StreamingResponse(_lines(site), media_type=_JSON_LINES)


@router.get("/events/{sequence}", dependencies=[require(Permission.AUDIT_READ)])
def read_audit_event(
    site: SiteDep, sequence: Annotated[int, Path(ge=1, le=2**63 - 1)]
) -> NamedAuditEvent:
    """One event, by its place in the log."""

    def work(session: Session) -> NamedAuditEvent:
        event = session.get(models.AuditEvent, sequence)
        if event is None:
            raise NotFound("There is no such event in the log.")
        return _named(session, [event])[0]

    return site.db.read(work)


@router.get(
    "/verify",
    dependencies=[require(Permission.AUDIT_READ)],
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "AuditProgress a line, and at the end an AuditVerdict. Without that "
            "last line the verification did not end.",
            "content": {_JSON_LINES: {"schema": {"type": "string"}}},
        }
    },
)
def verify_audit_log(request: Request, site: SiteDep) -> StreamingResponse:
    """Check the log, the ledger and every answer against what was signed. Long on a large site;
    it ends when you go."""
    first, lines = verification.start(site, request.app.state.verifying)
    return StreamingResponse(verification.sent(first, lines), media_type=_JSON_LINES)


def _lines(site: Site) -> Iterator[str]:
    sequence, digest = site.db.read(repository.head)
    with Session(site.db.engine) as session:
        for event in repository.in_order(session, up_to=sequence):
            yield view(event).model_dump_json() + "\n"
    head = signed_head(site.signer, sequence, digest, now())
    yield f'{{"head":{head.model_dump_json()}}}\n'


def _named(session: Session, events: list[models.AuditEvent]) -> tuple[NamedAuditEvent, ...]:
    known = names.of_events(session, events)
    return tuple(
        NamedAuditEvent(
            **dict(view(event)),
            actor_name=known.get(event.actor),
            subject_name=known.get(event.subject),
        )
        for event in events
    )


def view(event: models.AuditEvent) -> AuditEvent:
    return AuditEvent(
        sequence=event.sequence,
        at=event.at,
        actor=event.actor,
        action=event.action,
        subject=event.subject,
        detail=event.detail,
        previous_hash=event.previous_hash,
        hash=event.hash,
    )
