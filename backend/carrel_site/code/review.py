"""What a reviewer is shown beside a program, and what people say of its lines."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.code import LineComment, LineCommentCreate, Review
from carrel_protocol.api.common import Person
from carrel_protocol.api.requests import RequestState
from carrel_site.accounts.models import User
from carrel_site.audit.log import record
from carrel_site.code import mocking, models, reach
from carrel_site.code.earlier import approved_before, content_of
from carrel_site.code.readings import Findings, Readable
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


def program(session: Session, caller: Caller, request_id: str) -> Readable:
    """What is read of a request that the caller may see."""
    request = _code(session, caller, request_id)
    content = content_of(request)
    environment = session.get(models.CodeEnvironment, content.environment.name)
    imports = frozenset(environment.imports if environment is not None else ())
    return Readable(content, imports, request.content_hash)


def review(
    session: Session, caller: Caller, request_id: str, read: Readable, found: Findings
) -> Review:
    """Everything beside the program itself. Raises `ContentChanged` if it was edited since it was
    read: nobody should be shown what was found in another."""
    request = _code(session, caller, request_id)
    if request.content_hash != read.content_hash:
        raise ContentChanged(
            "The program was edited while it was being read.", advice="Read it again."
        )
    mock = mocking.shown(session, request.mock_run_id) if request.mock_run_id else None
    return Review(
        findings=found,
        approved_before=approved_before(session, request, read.content),
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
    content = content_of(request)
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
