"""Idempotency keys: a write that is retried with its key happens once.

The key is inserted first and in the write's own transaction, so it exists exactly when the write
does. Two at once: the second's insert waits for the first to end, and then gives the first's
answer, or does the work if the first did not.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_protocol.canonical import tagged_hash
from carrel_protocol.errors import ErrorCode
from carrel_site.core.clock import now
from carrel_site.core.db import Database
from carrel_site.core.errors import InvalidInput, SiteError
from carrel_site.core.models import IdempotencyKey

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_KEY = 200
_REMEMBERED = timedelta(days=1)

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=_LONGEST_KEY,
        pattern=r"^[\x21-\x7e]+$",
        description="Any unique text: a retry with the same key is the same write.",
    ),
]


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
    `IdempotencyKeyReused` when the key came with another route or body. A write that failed is
    not remembered: its key may be used again.
    """
    if key is None:
        return db.transact(work)
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable():
        raise InvalidInput(f"An Idempotency-Key has 1 to {_LONGEST_KEY} printable characters.")
    # As text: a body may hold integers that canonical JSON has no number for.
    fingerprint = tagged_hash("idempotency/1", [route, json.dumps(body, sort_keys=True)])

    def transaction(session: Session) -> tuple[int, Model]:
        earlier = _claim(session, user_id, key, fingerprint)
        if earlier is not None:
            if earlier.fingerprint != fingerprint:
                raise IdempotencyKeyReused("This Idempotency-Key was used for a different request.")
            return earlier.status, model.model_validate(earlier.body)
        status, reply = work(session)
        session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
            .values(status=status, body=reply.model_dump(mode="json"))
        )
        return status, reply

    return db.transact(transaction)


def forget_old(session: Session) -> int:
    """Forget the keys used over a day ago: no client retries for so long. Returns how many."""
    gone = delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - _REMEMBERED)
    return len(session.scalars(gone.returning(IdempotencyKey.key)).all())


def _claim(session: Session, user_id: str, key: str, fingerprint: str) -> IdempotencyKey | None:
    """Take the key for this write; the row of the write that has it, if one does."""
    taken = session.scalar(
        insert(IdempotencyKey)
        .values(
            user_id=user_id,
            key=key,
            fingerprint=fingerprint,
            status=0,
            body={},
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=[IdempotencyKey.user_id, IdempotencyKey.key])
        .returning(IdempotencyKey.key)
    )
    if taken is not None:
        return None
    return session.get_one(IdempotencyKey, (user_id, key), populate_existing=True)
