"""Keyset pagination: a cursor names the last row seen, so pages neither skip nor repeat rows."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Query
from sqlalchemy import Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from carrel_protocol.api.common import Page
from carrel_site.core.errors import InvalidInput

Row = TypeVar("Row")
Item = TypeVar("Item")

_LARGEST = 2**63 - 1  # a bigint

Cursor = Annotated[
    str | None, Query(max_length=300, description="`next_cursor` of the page before this one.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows in a page.")]


def encode_cursor(*key: Any) -> str:
    """An opaque cursor for a JSON-able sort key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """The sort key in `cursor`, of exactly these types; raises `InvalidInput`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = json.loads(raw)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _bad_cursor() from error
    if not isinstance(key, list) or [type(part) for part in key] != list(types):
        raise _bad_cursor()
    if any(isinstance(part, int) and abs(part) > _LARGEST for part in key):
        raise _bad_cursor()
    return tuple(key)


def position(cursor: str | None) -> tuple[datetime, str] | None:
    """The (created_at, id) that a list's cursor points behind; None for the first page."""
    if cursor is None:
        return None
    at, last_id = decode_cursor(cursor, str, str)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise _bad_cursor() from error
    if moment.tzinfo is None or "\x00" in last_id:
        raise _bad_cursor()
    return moment, last_id


def paged(
    rows: Sequence[Row],
    limit: int,
    show: Callable[[Row], Item],
    key: Callable[[Row], tuple[datetime, str]],
) -> Page[Item]:
    """A page of at most `limit` of `rows`, which hold one row more when there are more."""
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        at, last_id = key(rows[-1])
        following = encode_cursor(at.isoformat(), last_id)
    return Page(items=tuple(show(row) for row in rows), next_cursor=following)


def newest_first(
    session: Session,
    query: Select[Row],
    created_at: InstrumentedAttribute[datetime],
    row_id: InstrumentedAttribute[str],
    cursor: str | None,
    limit: int,
    view: Callable[[Row], Item],
) -> Page[Item]:
    """One page of `query`, newest first, each row turned into an item by `view`."""
    after = position(cursor)
    if after is not None:
        query = query.where(
            tuple_(created_at, row_id) < tuple_(literal(after[0], created_at.type), after[1])
        )
    rows = list(session.scalars(query.order_by(created_at.desc(), row_id.desc()).limit(limit + 1)))
    return paged(rows, limit, view, lambda row: (row.created_at, row.id))  # type: ignore[attr-defined]


def _bad_cursor() -> InvalidInput:
    return InvalidInput(
        "This cursor was not given out by this list.", advice="Start again without a cursor."
    )
