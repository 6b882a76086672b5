"""What a reviewer is shown beside a program, and what people say of its lines."""

from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.code import (
    ApprovedBefore,
    CodeFinding,
    LineComment,
    LineCommentCreate,
    Review,
)
from carrel_protocol.api.common import Person
from carrel_protocol.api.requests import RequestState
from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.code import CodeContent, FunctionEntry, SourceFile
from carrel_site.accounts.models import User
from carrel_site.audit.log import record
from carrel_site.code import mocking, models, reach
from carrel_site.code.analysis import analyse
from carrel_site.code.programs import Program
from carrel_site.core.clock import now
from carrel_site.core.errors import InvalidInput
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.events import changes, notices
from carrel_site.requests import repository
from carrel_site.requests.errors import ContentChanged
from carrel_site.requests.models import Request
from carrel_site.requests.moves import visible
from carrel_site.runs.errors import Tampered

_APPROVED = (
    RequestState.APPROVED.value,
    RequestState.QUEUED.value,
    RequestState.OVER_BUDGET.value,
)
Readable = tuple[Program, frozenset[str]]
"""A program, and the modules that it may import beside the standard library's."""


def program(session: Session, caller: Caller, request_id: str) -> Readable:
    """What `findings` reads of a request that the caller may see."""
    request = _code(session, caller, request_id)
    content = _content(request)
    environment = session.get(models.CodeEnvironment, content.environment.name)
    return content, frozenset(environment.imports if environment is not None else ())


def findings(readable: Readable) -> tuple[CodeFinding, ...]:
    """What reading the program finds. Takes a moment: no transaction should wait for it."""
    content, imports = readable
    entry = content.entry.name if isinstance(content.entry, FunctionEntry) else None
    data = (content.data,) if isinstance(content, BlackBoxContent) else content.data
    return _findings(content.files, imports, frozenset(one.alias for one in data), entry)


@lru_cache(maxsize=200)
def _findings(
    files: tuple[SourceFile, ...],
    imports: frozenset[str],
    data_names: frozenset[str],
    entry: str | None,
) -> tuple[CodeFinding, ...]:
    return analyse(files, imports, data_names, entry=entry)


def review(
    session: Session, caller: Caller, request_id: str, found: tuple[CodeFinding, ...]
) -> Review:
    """Everything beside the program itself."""
    request = _code(session, caller, request_id)
    mock = mocking.shown(session, request.mock_run_id) if request.mock_run_id else None
    return Review(
        findings=found,
        approved_before=_approved_before(session, request),
        mock_run=mock,
        comments=comments(session, request),
        covered_by=request.covered_by,
        runs_left=_runs_left(session, request),
    )


def _code(session: Session, caller: Caller, request_id: str) -> Request:
    request = visible(session, caller, request_id)
    if request.kind not in ("code", "black_box"):
        raise InvalidInput("This request is a question: there is no code to review.")
    return request


def _content(request: Request) -> Program:
    model = BlackBoxContent if request.kind == "black_box" else CodeContent
    return model.model_validate(request.content)


def _runs_left(session: Session, request: Request) -> int | None:
    """Of the approval that this request is, or is covered by."""
    if request.kind != "code":
        return None
    root = repository.get(session, request.covered_by) if request.covered_by else request
    if root is None or root.state != RequestState.QUEUED.value:
        return None
    try:
        content = reach.content_of(root)
    except Tampered:
        return None
    return None if content.reach is None else reach.runs_left(session, root, content)


def _approved_before(session: Session, request: Request) -> ApprovedBefore | None:
    """The last approved request by the same person, for the same datasets and entry."""
    rows = session.scalars(
        select(Request)
        .where(
            Request.requester_id == request.requester_id,
            Request.kind == request.kind,
            Request.dataset_id == request.dataset_id,
            Request.state.in_(_APPROVED),
            Request.covered_by.is_(None),
            Request.id != request.id,
            Request.created_at < request.created_at,
            Request.content["entry"] == request.content["entry"],
        )
        .order_by(Request.created_at.desc(), Request.id.desc())
        .limit(1)
    )
    before = rows.one_or_none()
    if before is None:
        return None
    content = _content(before)
    return ApprovedBefore(
        request_id=before.id,
        approved_at=reach.approved_on(session, before) or before.updated_at,
        files=content.files,
        parameters=content.parameters,
        environment=content.environment.name,
    )


def comments(session: Session, request: Request) -> tuple[LineComment, ...]:
    """Oldest first, those of earlier rounds too."""
    rows = session.execute(
        select(models.LineComment, User)
        .join(User, User.id == models.LineComment.author_id)
        .where(models.LineComment.request_id == request.id)
        .order_by(models.LineComment.at, models.LineComment.id)
    )
    return tuple(_view(comment, author) for comment, author in rows)


def comments_of(session: Session, caller: Caller, request_id: str) -> tuple[LineComment, ...]:
    return comments(session, _code(session, caller, request_id))


def comment(
    session: Session, caller: Caller, request_id: str, said: LineCommentCreate
) -> LineComment:
    """Say something of a line, of the program as the caller was shown it."""
    request = _code(session, caller, request_id)
    if said.content_hash != request.content_hash:
        raise ContentChanged("Your comment names another content than this request's.")
    content = _content(request)
    lines = {file.path: file.text.count("\n") + 1 for file in content.files}
    if said.line > lines.get(said.path, 0):
        raise InvalidInput(f"The request has no line {said.line} in {said.path!r}.")
    row = models.LineComment(
        id=new_id("lco"),
        request_id=request.id,
        author_id=caller.user_id,
        path=said.path,
        line=said.line,
        round=request.round,
        content_hash=said.content_hash,
        text=said.text,
        at=now(),
    )
    session.add(row)
    record(
        session,
        caller.user_id,
        "request.commented",
        request.id,
        dataset=request.dataset_id,
        path=said.path,
        line=said.line,
    )
    notices.commented(session, request, caller.user_id, f"{said.path}:{said.line}: {said.text}")
    changes.request_changed(session, request)
    return _view(row, session.get_one(User, caller.user_id))


def _view(row: models.LineComment, author: User) -> LineComment:
    return LineComment(
        id=row.id,
        author=Person(id=author.id, name=author.name, email=author.email),
        path=row.path,
        line=row.line,
        round=row.round,
        text=row.text,
        at=row.at,
    )
