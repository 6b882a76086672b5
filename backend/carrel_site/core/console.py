"""Serving the built console: every address that is not the API's.

Pages of the console have addresses of their own, so whatever is no file gets index.html. It is
handed out with a fresh nonce each time: the component library writes <style> elements, which then
need no 'unsafe-inline' in the Content-Security-Policy.
"""

import secrets
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

_NOT_OURS: Final = ("/api/", "/internal/", "/healthz", "/readyz")
_NONCE: Final = "__CARREL_NONCE__"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_FILES_ONLY: Final = ("/assets/", "/reference/")

_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' {styles}; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; object-src 'none'; frame-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_ASIDE: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_UNBUILT: Final = """<!doctype html>
<html lang="en">
<title>Carrel</title>
<h1>Carrel is up</h1>
<p>The console is not built in this clone. Build it with <code>make console</code>, then reload
this page. The command line and the API work without it.</p>
</html>
"""


class Console:
    """Answers for the console's addresses and passes everything else on to the API."""

    def __init__(self, app: ASGIApp, folder: Path | None) -> None:
        self._app = app
        self._folder = folder
        self._files = StaticFiles(directory=folder) if folder else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["path"].startswith(_NOT_OURS)
            or scope["method"] not in ("GET", "HEAD")
        ):
            await self._app(scope, receive, send)
            return
        if self._folder is None or self._files is None:
            if scope["path"] != "/":
                await self._app(scope, receive, send)
                return
            response: Response = HTMLResponse(_UNBUILT)
        else:
            response = await self._answer(self._folder, self._files, scope)
        await response(scope, receive, send)

    async def _answer(self, folder: Path, files: StaticFiles, scope: Scope) -> Response:
        path = scope["path"]
        if path in ("/docs", "/docs/"):
            return await run_in_threadpool(_page, folder / "docs" / "index.html")
        response = None if path.endswith(("/", ".html", ".gz")) else await _file(files, scope)
        if response is not None:
            return response
        if path.startswith(_FILES_ONLY) or (path.count("/") == 1 and "." in path):
            return PlainTextResponse("There is no such file.", 404)
        return await run_in_threadpool(_page, folder / "index.html")


async def _file(files: StaticFiles, scope: Scope) -> Response | None:
    """The file at the request's path, compressed where it lies so and the browser takes it."""
    path = scope["path"].lstrip("/")
    lasting = path.startswith("assets/")  # their names hold a digest of their content
    found: Response | None = None
    squeezed = "gzip" in Headers(scope=scope).get("accept-encoding", "")
    for suffix in (".gz", "") if squeezed else ("",):
        try:
            found = await files.get_response(path + suffix, scope)
        except HTTPException:
            continue
        if suffix:
            found.headers["Content-Encoding"] = "gzip"
            found.headers["Content-Type"] = _media_type(path)
        break
    if found is None:
        return None
    found.headers.update({"Cache-Control": _IMMUTABLE if lasting else "no-cache"})
    found.headers["Vary"] = "Accept-Encoding"
    return found


def _media_type(path: str) -> str:
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    known = types.get(Path(path).suffix, "text/plain")
    return f"{known}; charset=utf-8"


def _page(file: Path) -> Response:
    """An HTML file with this answer's nonce in it, and the policy that goes with it."""
    nonce = secrets.token_urlsafe(16)
    text = file.read_text(encoding="utf-8")
    policy = _POLICY.format(styles=f"'nonce-{nonce}'")
    headers = {"Content-Security-Policy": policy, **_ASIDE}
    return HTMLResponse(text.replace(_NONCE, nonce), headers=headers)
