"""What must not happen while a page is open: an error in the console, a violation of the
Content-Security-Policy, a script that throws, a request to another host."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

_FAILED = re.compile(r"responded with a status of (\d+)")
_UNREACHABLE = re.compile(
    "net::ERR_|The site does not answer|A part of this page could not be fetched|"
    "Couldn't load preload assets"
)
_LOCAL = {"data", "blob", "about"}


@dataclass
class Guard:
    """Watches a browser context; `check()` fails on what it saw."""

    url: str
    seen: list[str] = field(default_factory=list)
    # Whether anybody is signed in can only be asked.
    _expected: set[tuple[int, str]] = field(default_factory=lambda: {(401, "/api/v1/session")})
    _unreachable: bool = False

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._threw)
        context.on("request", self._request)

    def expect(self, status: int, path: str) -> None:
        """The test brings this answer about: `path` is what the address starts with."""
        self._expected.add((status, path))

    def expect_unreachable(self) -> None:
        """The test takes the site away: what the browser says of that, and the router of a page
        whose files it could not have, is no fault of the page's."""
        self._unreachable = True

    def check(self) -> None:
        assert self.seen == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if self._unreachable and _UNREACHABLE.search(message.text):
            return
        at = urlsplit(str(message.location.get("url", ""))).path
        failed = _FAILED.search(message.text)
        if failed and any(
            int(failed[1]) == status and at.startswith(path) for status, path in self._expected
        ):
            return
        self.seen.append(f"{message.type}: {message.text} ({at})")

    def _threw(self, error: WebError) -> None:
        self.seen.append(f"thrown: {error.error}")

    def _request(self, request: Request) -> None:
        target, own = urlsplit(request.url), urlsplit(self.url)
        if target.scheme not in _LOCAL and target.netloc != own.netloc:
            self.seen.append(f"request to another host: {request.url}")
