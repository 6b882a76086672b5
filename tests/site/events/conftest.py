"""A second API process of the site, to listen at, and people who listen."""

import contextlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from carrel_site.app import create_app
from carrel_site.settings import Settings
from carrel_site.site import Site
from tests.factories import Member
from tests.fixtures.mail_server import Inbox, mail_server
from tests.fixtures.site import served
from tests.site.events.emails import settings_with
from tests.site.flow.conftest import (  # noqa: F401 (fixtures)
    Flow,
    another_reviewer,
    beat,
    flow,
)

PATIENCE = 20.0
"""Seconds for something that is to come; a busy machine is no failure."""


@dataclass(frozen=True)
class Heard:
    """One server-sent event."""

    event: str
    data: Any
    id: str | None
    at: float
    """Seconds of `time.time`."""


@dataclass
class Listener:
    """One open stream, read by a thread."""

    url: str
    headers: dict[str, str]
    query: dict[str, Any]
    heard: "queue.Queue[Heard | None]" = field(default_factory=queue.Queue)
    status: int = 0
    comments: int = 0
    _reply: httpx.Response | None = None

    def run(self, opened: threading.Event) -> None:
        with httpx.Client(timeout=httpx.Timeout(PATIENCE, read=60)) as http:
            try:
                with http.stream(
                    "GET",
                    f"{self.url}/api/v1/events/stream",
                    headers=self.headers,
                    params=self.query,
                ) as reply:
                    self.status, self._reply = reply.status_code, reply
                    self._read(reply, opened)
            except (httpx.HTTPError, RuntimeError):
                pass  # closed from either side
        self.heard.put(None)
        opened.set()

    def _read(self, reply: httpx.Response, opened: threading.Event) -> None:
        fields: dict[str, str] = {}
        for line in reply.iter_lines():
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                data = json.loads(fields["data"])
                self.heard.put(Heard(fields["event"], data, fields.get("id"), time.time()))
                opened.set()
                fields = {}

    def close(self) -> None:
        if self._reply is not None:
            self._reply.close()

    def next(self, event: str, seconds: float = PATIENCE) -> Heard:
        """The next event of this kind; fails when the stream ends first."""
        give_up = time.monotonic() + seconds
        while True:
            found = self.heard.get(timeout=max(give_up - time.monotonic(), 0.01))
            assert found is not None, f"the stream ended before a {event}"
            if found.event == event:
                return found

    def ended(self, seconds: float = PATIENCE) -> list[Heard]:
        """What was still heard before the stream ended."""
        rest: list[Heard] = []
        while (found := self.heard.get(timeout=seconds)) is not None:
            rest.append(found)
        return rest

    def heard_so_far(self) -> list[Heard]:
        found: list[Heard] = []
        with contextlib.suppress(queue.Empty):
            while (one := self.heard.get_nowait()) is not None:
                found.append(one)
        return found


Listen = Callable[..., Listener]


@pytest.fixture
def other_site(flow: Flow, site_settings: Settings) -> Iterator[Site]:  # noqa: F811 (it is that fixture)
    """The parts of the second process."""
    site = Site.open(site_settings)
    yield site
    site.close()


@pytest.fixture
def listen(other_site: Site) -> Iterator[Listen]:
    """Opens a stream as somebody, at another API process than the one that tests act on."""
    threads: list[tuple[Listener, threading.Thread]] = []
    with served(create_app(other_site)) as url:

        def open_stream(who: Member | str, *, last: str | None = None, **query: Any) -> Listener:
            secret = who if isinstance(who, str) else who.secret
            headers = {"Authorization": f"Bearer {secret}".strip()}
            if last is not None:
                headers["Last-Event-ID"] = last
            listener = Listener(url, headers, query)
            opened = threading.Event()
            thread = threading.Thread(target=listener.run, args=(opened,), daemon=True)
            thread.start()
            threads.append((listener, thread))
            assert opened.wait(PATIENCE)
            return listener

        yield open_stream
        for listener, _ in threads:
            listener.close()
    for _, thread in threads:
        thread.join(PATIENCE)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def port(inbox: Inbox) -> Iterator[int]:
    """Of a mail server that takes whatever comes, unencrypted."""
    with mail_server(inbox) as number:
        yield number


@pytest.fixture
def mailing(flow: Flow, port: int) -> Flow:  # noqa: F811 (it is that fixture)
    """The site, with e-mail set up."""
    site = flow.app.site
    site.settings = settings_with(
        site,
        smtp_url=f"smtp://127.0.0.1:{port}",
        smtp_from="Carrel <carrel@example.org>",
        site_url="https://carrel.example.org/",
    )
    return flow
