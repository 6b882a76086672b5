"""What code returned: the queue of those who decide, their decisions, and what left."""

from collections.abc import Iterator
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from carrel_protocol.api.code import (
    CodeResult,
    HeldOutput,
    HeldSummary,
    ReleaseDecision,
    Transform,
    TransformPreview,
)
from carrel_protocol.api.common import Page
from carrel_protocol.api.requests import OutputState
from carrel_protocol.outputs import MEDIA_TYPES, OutputItem
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.pagination import Cursor, Limit, paged, position
from carrel_site.core.permissions import Permission
from carrel_site.outputs import decisions, listing, reading
from carrel_site.outputs.errors import OutputChanged

router = APIRouter(prefix="/api/v1", tags=["outputs"])

Reviewer = Annotated[Caller, require(Permission.OUTPUTS_REVIEW)]
Reader = Annotated[Caller, require(Permission.REQUESTS_READ)]
RunId = Annotated[str, Path(min_length=1, max_length=64)]
ItemNamed = Annotated[str, Path(min_length=1, max_length=63)]
Filter = Annotated[str | None, Query(max_length=320)]

_CHUNK = 1 << 18
_BYTES = {
    200: {
        "description": "The item's bytes; Content-Type says what they are.",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in sorted(set(MEDIA_TYPES.values()))
        },
    }
}


@router.get("/outputs", operation_id="list_outputs")
def list_outputs(
    site: SiteDep,
    caller: Reviewer,
    cursor: Cursor = None,
    limit: Limit = 50,
    state: Annotated[list[OutputState] | None, Query(max_length=3)] = None,
    to_decide: Annotated[bool, Query(description="Held, and without your vote.")] = False,
    dataset: Annotated[Filter, Query(description="Its id or name.")] = None,
    requester: Annotated[Filter, Query(description="Their id or e-mail.")] = None,
    sort: Literal["newest", "oldest"] = "newest",
) -> Page[HeldSummary]:
    """What approved code returned, but for what your own requests did."""
    wanted = listing.Wanted(
        caller_id=caller.user_id,
        states=tuple(state or ()),
        mine_to_decide=to_decide,
        dataset=dataset,
        requester=requester,
        oldest_first=sort == "oldest",
    )
    after = position(cursor)

    def work(session: Session) -> Page[HeldSummary]:
        rows = listing.page(session, wanted, after, limit + 1)
        return paged(
            rows,
            limit,
            show=listing.summary,
            key=lambda row: (row.recorded_at, row.run_id),
        )

    return site.db.read(work)


@router.get("/outputs/{run_id}", operation_id="get_output")
def get_output(run_id: RunId, site: SiteDep, caller: Reviewer) -> HeldOutput:
    """What a run returned, with what was found in it. The log says that you looked."""
    return site.db.transact(lambda session: reading.look(session, caller, run_id))


@router.get(
    "/outputs/{run_id}/items/{name}",
    operation_id="get_output_item",
    response_class=StreamingResponse,
    responses=_BYTES,  # type: ignore[arg-type]
)
def get_output_item(
    run_id: RunId, name: ItemNamed, site: SiteDep, caller: Reviewer
) -> StreamingResponse:
    """An item's bytes as the code returned them. The log says that you read them."""
    found = site.db.transact(
        lambda session: reading.item_for_review(session, site, caller, run_id, name)
    )
    if found is None:
        raise OutputChanged(decisions.TAMPERED)
    return _sent(*found)


@router.post("/outputs/{run_id}/preview", operation_id="preview_output_item")
def preview_output_item(
    run_id: RunId, asked: Transform, site: SiteDep, caller: Reviewer
) -> TransformPreview:
    """A table or value as it would leave after a change. The log says that you read it."""
    found = site.db.transact(
        lambda session: reading.changed_for_review(session, site, caller, run_id, asked)
    )
    if found is None:
        raise OutputChanged(decisions.TAMPERED)
    return found


@router.post("/outputs/{run_id}/decision", operation_id="decide_output")
def decide_output(
    run_id: RunId, asked: ReleaseDecision, site: SiteDep, caller: Reviewer
) -> HeldOutput:
    """Vote to release it, whole, in part or changed, or withhold it with a reason."""

    def work(session: Session) -> HeldOutput | None:
        if not decisions.decide(session, site, caller, run_id, asked):
            return None
        return reading.shown(session, caller, run_id)

    view = site.db.transact(work)
    if view is None:
        raise OutputChanged(decisions.TAMPERED)
    return view


@router.get("/runs/{run_id}/result", operation_id="get_run_result")
def get_run_result(run_id: RunId, site: SiteDep, caller: Reader) -> CodeResult:
    """What was released of what code returned, or why nothing was."""
    return site.db.read(lambda session: reading.result(session, caller, run_id))


@router.get(
    "/runs/{run_id}/items/{name}",
    operation_id="get_run_item",
    response_class=StreamingResponse,
    responses=_BYTES,  # type: ignore[arg-type]
)
def get_run_item(
    run_id: RunId, name: ItemNamed, site: SiteDep, caller: Reader
) -> StreamingResponse:
    """A released item's bytes."""
    return _sent(
        *site.db.read(lambda session: reading.released_item(session, site, caller, run_id, name))
    )


def _sent(item: OutputItem, content: IO[bytes]) -> StreamingResponse:
    def chunks() -> Iterator[bytes]:
        with content:
            while chunk := content.read(_CHUNK):
                yield chunk

    return StreamingResponse(
        chunks(),
        media_type=MEDIA_TYPES[item.kind],
        headers={
            "Content-Length": str(item.size),
            "Content-Disposition": f'attachment; filename="{item.name}"',
        },
    )
