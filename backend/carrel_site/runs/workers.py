"""Workers' credentials: one each, scoped to its queues, and good for the internal API alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import Worker as WorkerView
from carrel_protocol.api.accounts import WorkerCreate, WorkerWithSecret
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.db import Database
from carrel_site.core.errors import Conflict, NotFound, Unauthenticated
from carrel_site.core.ids import new_id
from carrel_site.core.security import digest_secret, new_secret
from carrel_site.runs.models import Worker

SILENT_AFTER = timedelta(minutes=2)
"""A worker that was not heard of for longer is not well: one that idles calls twice a minute."""
_SEEN_NOTED_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """The worker that sent an internal request, and the queues it may serve."""

    id: str
    name: str
    queues: frozenset[str]


_TOKEN = select(Worker.id, Worker.name, Worker.queues, Worker.last_seen_at).where(
    Worker.secret_hash == bindparam("secret_hash"), Worker.revoked_at.is_(None)
)


def authenticate_worker(db: Database, token: str) -> WorkerIdentity:
    """The worker whose token this is; raises `Unauthenticated` for any other, users' included."""
    row = db.look_up(_TOKEN, secret_hash=digest_secret(token))
    if row is None:
        raise Unauthenticated(
            "This worker token is unknown or revoked.",
            advice="Send 'Authorization: Bearer <worker token>'; an owner makes one.",
        )
    if row.last_seen_at is None or now() - row.last_seen_at > _SEEN_NOTED_EVERY:
        seen = update(Worker).where(Worker.id == row.id).values(last_seen_at=now())
        db.read(lambda session: session.execute(seen))
    return WorkerIdentity(row.id, row.name, frozenset(row.queues))


def ensure_worker(session: Session, name: str, token: str, queues: Sequence[str]) -> WorkerView:
    """Let the worker `name` in with `token`, which the caller keeps; safe to repeat.

    A worker that an owner revoked stays out until it comes with another token.
    """
    digest, wanted = digest_secret(token), sorted(set(queues))
    admitted = session.scalar(
        insert(Worker)
        .values(id=new_id("wrk"), name=name, secret_hash=digest, queues=wanted, created_at=now())
        .on_conflict_do_nothing(index_elements=[Worker.name])
        .returning(Worker.id)
    )
    worker = session.scalars(
        select(Worker)
        .where(Worker.name == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if worker.secret_hash != digest:
        worker.secret_hash = digest
        worker.revoked_at = None
        record(session, SITE, "worker.credential_replaced", worker.id, name=name)
    if sorted(worker.queues) != wanted:
        worker.queues = wanted
        record(session, SITE, "worker.queues_changed", worker.id, queues=wanted)
    if admitted is not None:
        record(session, SITE, "worker.admitted", worker.id, name=name, queues=wanted)
    return view(worker)


def create(session: Session, asked: WorkerCreate, actor: str) -> WorkerWithSecret:
    """A new worker; its token is in this answer and nowhere else."""
    token = new_secret("cw")
    queues = sorted(set(asked.queues))
    worker_id = session.scalar(
        insert(Worker)
        .values(
            id=new_id("wrk"),
            name=asked.name,
            secret_hash=digest_secret(token),
            queues=queues,
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=[Worker.name])
        .returning(Worker.id)
    )
    if worker_id is None:
        raise Conflict(
            f"There is, or was, a worker named {asked.name!r}.", advice="Choose another name."
        )
    worker = session.get_one(Worker, worker_id)
    record(session, actor, "worker.created", worker.id, name=worker.name, queues=queues)
    return WorkerWithSecret(**view(worker).model_dump(), secret=token)


def revoke(session: Session, worker_id: str, actor: str) -> None:
    """End a worker's token at once. Runs it holds go back to the queue when their lease ends."""
    worker = session.get(Worker, worker_id, with_for_update=True)
    if worker is None:
        raise NotFound("There is no such worker.")
    if worker.revoked_at is None:
        worker.revoked_at = now()
        record(session, actor, "worker.revoked", worker.id, name=worker.name)


def list_all(session: Session) -> tuple[WorkerView, ...]:
    """Every worker, newest first; a site has few."""
    query = select(Worker).order_by(Worker.created_at.desc(), Worker.id.desc())
    return tuple(view(worker) for worker in session.scalars(query))


def view(worker: Worker) -> WorkerView:
    return WorkerView(
        id=worker.id,
        name=worker.name,
        queues=tuple(worker.queues),
        created_at=worker.created_at,
        last_seen_at=worker.last_seen_at,
        revoked_at=worker.revoked_at,
        sandbox=worker.sandbox or "",
    )
