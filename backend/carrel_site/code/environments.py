"""Environments: the packages that code may use, as the worker that runs it has them.

A worker says what it has built when it starts; nothing is installed when code runs. Only a worker
of approved code says what an environment is: one that serves runs on made-up rows alone is
trusted less, and merely counts as having it too.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.code import Environment, EnvironmentUpdate
from carrel_protocol.code import CodeEnvironment as Locked
from carrel_protocol.code import RunLimits
from carrel_protocol.jobs import BuiltEnvironment, WorkerReport
from carrel_site.audit.log import record
from carrel_site.code.errors import EnvironmentNotReady
from carrel_site.code.models import CodeEnvironment
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, InvalidInput, NotFound
from carrel_site.runs.errors import Tampered
from carrel_site.runs.models import Worker
from carrel_site.runs.workers import SILENT_AFTER, WorkerIdentity

_RUNS_APPROVED = frozenset({"code", "black_box"})
"""Queues whose workers run code on private data."""


def reported(session: Session, worker: WorkerIdentity, said: WorkerReport) -> None:
    """Note what a worker has built, and what holds the code that it runs."""
    row = session.get_one(Worker, worker.id, with_for_update={"key_share": True})
    built = {environment.name: environment.lock_hash for environment in said.environments}
    if (row.environments, row.sandbox) != (built, said.sandbox):
        row.environments, row.sandbox = built, said.sandbox
        record(
            session,
            worker.id,
            "worker.reported",
            worker.id,
            environments=built,
            sandbox=said.sandbox,
        )
    if worker.queues & _RUNS_APPROVED:
        for environment in sorted(said.environments, key=lambda each: each.name):
            _register(session, worker, environment)


def _register(session: Session, worker: WorkerIdentity, built: BuiltEnvironment) -> None:
    row = _locked(session, built.name)
    before = None if row is None else row.lock_hash
    if row is None:
        row = CodeEnvironment(
            name=built.name, description="", limits=RunLimits().model_dump(mode="json")
        )
        session.add(row)
    elif before == built.lock_hash:
        return
    row.packages, row.locked = list(built.packages), list(built.locked)
    row.imports = list(built.imports)
    row.lock_hash, row.built_at = built.lock_hash, built.built_at
    session.flush()
    record(
        session,
        worker.id,
        "environment.built",
        built.name,
        before=before,
        lock=built.lock_hash,
        locked=list(built.locked),
    )


def page(session: Session) -> tuple[Environment, ...]:
    """Every environment; a site has few."""
    rows = session.scalars(select(CodeEnvironment).order_by(CodeEnvironment.name))
    there = _there(session)
    return tuple(_view(row, there) for row in rows)


def get(session: Session, name: str) -> Environment:
    row = session.get(CodeEnvironment, name)
    if row is None:
        raise _missing(name)
    return _view(row, _there(session))


def update(session: Session, name: str, asked: EnvironmentUpdate, actor: str) -> Environment:
    """Change what an environment says of itself, what a run in it may take, or take it away."""
    row = _locked(session, name)
    if row is None:
        raise _missing(name)
    changed: dict[str, Any] = {}
    if asked.description is not None and asked.description != row.description:
        row.description = changed["description"] = asked.description
    if asked.limits is not None and asked.limits.model_dump(mode="json") != row.limits:
        row.limits = changed["limits"] = asked.limits.model_dump(mode="json")
    if asked.retired is not None and asked.retired != row.retired:
        row.retired = changed["retired"] = asked.retired
    if changed:
        record(session, actor, "environment.updated", name, **changed)
    session.flush()
    return _view(row, _there(session))


def usable(session: Session, name: str, *, now_there: bool = False) -> CodeEnvironment:
    """The environment, if code may be asked to run in it; `now_there`: and a worker has it now."""
    row = session.get(CodeEnvironment, name, populate_existing=True)
    if row is None:
        raise EnvironmentNotReady(f"There is no environment {name!r}.")
    if row.retired:
        raise EnvironmentNotReady(f"The environment {name!r} was retired.")
    if now_there and (name, row.lock_hash) not in _there(session):
        raise EnvironmentNotReady(f"No worker has the environment {name!r} now.")
    return row


def still_the_same(session: Session, approved: Locked) -> None:
    """Raise `Conflict` unless the environment is the one that was asked for."""
    row = usable(session, approved.name)
    if row.lock_hash != approved.lock_hash:
        raise Conflict(
            f"The environment {row.name!r} was built anew since this was asked.",
            advice="Return the request: its requester has to look whether it still does the same.",
        )


def still_approved(session: Session, approved: Locked) -> None:
    """Raise `Tampered` unless a worker may run something in this environment still."""
    row = session.get(CodeEnvironment, approved.name, populate_existing=True)
    if row is None or row.retired:
        raise Tampered(f"The environment {approved.name!r} is gone.")
    if row.lock_hash != approved.lock_hash:
        raise Tampered(f"The environment {approved.name!r} is not the one that was approved.")


def limits(row: CodeEnvironment, asked: RunLimits | None) -> RunLimits:
    """The usual ones within the environment's, or those asked for; raises `InvalidInput` for
    higher ones than the environment's."""
    most = RunLimits.model_validate(row.limits)
    if asked is None:
        return most.usual()
    for name in RunLimits.model_fields:
        if getattr(asked, name) > getattr(most, name):
            raise InvalidInput(
                f"limits.{name} is {getattr(asked, name):g}; a run in {row.name!r} may have "
                f"{getattr(most, name):g} at most."
            )
    return asked


def _there(session: Session) -> set[tuple[str, str]]:
    """Name and lock of each environment that a worker of code, lately heard of, has."""
    heard = select(Worker.queues, Worker.environments).where(
        Worker.revoked_at.is_(None), Worker.last_seen_at > now() - SILENT_AFTER
    )
    return {
        built
        for queues, environments in session.execute(heard)
        if _RUNS_APPROVED & set(queues)
        for built in (environments or {}).items()
    }


def _locked(session: Session, name: str) -> CodeEnvironment | None:
    return session.get(CodeEnvironment, name, with_for_update=True, populate_existing=True)


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no environment {name!r}.")


def _view(row: CodeEnvironment, there: set[tuple[str, str]]) -> Environment:
    state = "ready" if (row.name, row.lock_hash) in there else "missing"
    return Environment(
        name=row.name,
        description=row.description,
        packages=tuple(row.packages),
        locked=tuple(row.locked),
        imports=tuple(row.imports),
        lock_hash=row.lock_hash,
        limits=RunLimits.model_validate(row.limits),
        state="retired" if row.retired else state,
        built_at=row.built_at,
    )
