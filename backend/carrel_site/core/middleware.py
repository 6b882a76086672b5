"""What every request passes: its id, the cap on its body, characters no text may hold, and the
headers of every answer. Plain ASGI: one layer, no task or copy for each request.
"""

import json
import re
import secrets
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carrel_protocol.errors import ErrorCode
from carrel_site.core import problems

log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STREAMED = {
    "POST": re.compile(r"/api/v1/datasets/[^/]+/versions"),
    "PATCH": re.compile(r"/api/v1/uploads/[^/]+"),
}
"""Uploads are streamed to disk, and have a cap of their own."""
_RESULT = re.compile(r"/internal/v1/runs/[^/]+/succeeded")
"""An answer holds up to `sensitivity.MAX_ANSWER_BYTES`, more than what people send."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Gate:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, max_body: int, max_result: int, *, https: bool) -> None:
        self._app = app
        self._max_body = max_body
        self._max_result = max_result
        self._headers = dict(_HEADERS)
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("x-request-id", "")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(12)
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def reply(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._pass(scope, receive, reply)
            except ClientDisconnect:
                log.info("client_gone", method=scope["method"])  # nobody is left to answer
            except Exception:
                log.exception("unexpected_error", method=scope["method"])
                if started:
                    raise
                await problems.render_unexpected(scope)(scope, receive, reply)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal: Response | None = None
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            refusal = _no_nul(scope)
        elif not _is_streamed(scope):
            result = _RESULT.fullmatch(scope["path"])
            most, setting = (self._max_result, "RESULT") if result else (self._max_body, "REQUEST")
            body = await _read(receive, Headers(scope=scope), most)
            if body is None:
                refusal = problems.problem(
                    scope,
                    413,
                    ErrorCode.PAYLOAD_TOO_LARGE,
                    "Too large",
                    f"The body of this request may have {most} bytes.",
                    advice=f"Send less, or raise CARREL_{setting}_MAX_BYTES.",
                )
            elif b"\\u0000" in body and _holds_nul(body):
                refusal = _no_nul(scope)
            else:
                receive = _replay(body, receive)
        await (refusal or self._app)(scope, receive, send)


def _is_streamed(scope: Scope) -> bool:
    streamed = _STREAMED.get(scope["method"])
    return streamed is not None and streamed.fullmatch(scope["path"]) is not None


async def _read(receive: Receive, headers: Headers, most: int) -> bytes | None:
    """The whole body, or None when it is larger than `most` bytes."""
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared[:20]) > most:
        return None
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = True

    async def replayed() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed


def _holds_nul(body: bytes) -> bool:
    """Whether any text in this JSON holds U+0000, which PostgreSQL cannot store."""
    try:
        waiting: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):
        return False  # refused further on, as no JSON
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\x00" in value:
            return True
        if isinstance(value, dict):
            waiting.extend(value.keys())
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _no_nul(scope: Scope) -> Response:
    return problems.problem(
        scope,
        422,
        ErrorCode.INVALID_INPUT,
        "Invalid input",
        "Text may not hold the character U+0000.",
        advice="Take it out.",
    )
