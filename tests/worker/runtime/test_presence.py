"""A worker without work says that it is there, and is not hurt when nobody hears."""

import threading

import httpx

from carrel_worker.presence import Presence
from carrel_worker.site_client import SiteClient

PATIENCE = 20.0


def test_it_calls_at_once_and_again_whatever_the_site_answers() -> None:
    calls: list[httpx.Request] = []
    enough = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        if len(calls) >= 5:
            enough.set()
        if len(calls) == 2:
            raise httpx.ConnectError("nobody there")
        return httpx.Response({1: 204, 3: 503, 4: 401}.get(len(calls), 204))

    site = SiteClient("http://site/", "cw_token", transport=httpx.MockTransport(answer))
    presence = Presence(site, every=0.001)
    presence.start()
    assert enough.wait(PATIENCE)
    presence.stop()
    first = calls[0]
    assert (first.method, first.url.path) == ("POST", "/internal/v1/alive")
    assert first.headers["authorization"] == "Bearer cw_token"
    assert first.content == b""


def test_it_stops_when_told() -> None:
    calls: list[httpx.Request] = []
    called = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        called.set()
        return httpx.Response(204)

    presence = Presence(
        SiteClient("http://site", "cw_token", transport=httpx.MockTransport(answer)), every=60
    )
    presence.start()
    assert called.wait(PATIENCE)
    presence.stop()
    presence._thread.join(PATIENCE)
    assert not presence._thread.is_alive()
    assert len(calls) == 1
