"""Idempotency keys: a write that is retried with its key happens once.

The key is recorded in the write's own transaction, so it exists exactly when the write does. Two
at once: the second's insert waits for the first's commit, fails, and reads the first's answer.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from carrel_protocol.canonical import tagged_hash
from carrel_protocol.errors import ErrorCode
from carrel_site.core.clock import now
from carrel_site.core.db import Database
from carrel_site.core.errors import InvalidInput, SiteError
from carrel_site.core.models import IdempotencyKey

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_KEY = 200


class IdempotencyKeyReused(SiteError):
    status, code, title = 422, ErrorCode.IDEMPOTENCY_KEY_REUSED, "Idempotency key reused"
    advice = "Send a new Idempotency-Key with a different request."


def once(
    db: Database,
    user_id: str,
    key: str | None,
    route: str,
    body: Any,
    model: type[Model],
    work: Callable[[Session], tuple[int, Model]],
) -> tuple[int, Model]:
    """Do `work` in a transaction, or give what it gave when this key was used before.

    `work` returns a status and a body without secrets, which is stored. Raises
    `IdempotencyKeyReused` when the key came with another route or body.
    """
    if key is None:
        return db.transact(work)
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable():
        raise InvalidInput(f"An Idempotency-Key has 1 to {_LONGEST_KEY} printable characters.")
    fingerprint = tagged_hash("idempotency/1", [route, body])

    def stored(session: Session) -> tuple[int, Model] | None:
        found = session.get(IdempotencyKey, (user_id, key))
        if found is None:
            return None
        if found.fingerprint != fingerprint:
            raise IdempotencyKeyReused("This Idempotency-Key was used for a different request.")
        return found.status, model.model_validate(found.body)

    def transaction(session: Session) -> tuple[int, Model]:
        earlier = stored(session)
        if earlier is not None:
            return earlier
        status, reply = work(session)
        session.add(
            IdempotencyKey(
                user_id=user_id,
                key=key,
                fingerprint=fingerprint,
                status=status,
                body=reply.model_dump(mode="json"),
                created_at=now(),
            )
        )
        return status, reply

    try:
        return db.transact(transaction)
    except IntegrityError:
        earlier = db.read(stored)
        if earlier is None:
            raise
        return earlier
