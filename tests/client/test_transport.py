"""Retries, idempotency keys, problems, pages: what happens between client and network.

Only the network is made up here; what a site answers is tested against a real one elsewhere.
"""

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

import carrel
from carrel._http import Http, RetryPolicy
from carrel._pages import fetch_page
from carrel._paths import quoted
from carrel_protocol.api.accounts import User
from carrel_protocol.api.datasets import CommentText
from carrel_protocol.api.requests import Comment

ME = {
    "id": "usr_1",
    "name": "Ada",
    "email": "ada@example.org",
    "role": "researcher",
    "active": True,
    "created_at": "2026-01-01T00:00:00Z",
}
COMMENT = {
    "id": "com_1",
    "author": {"id": "usr_1", "name": "Ada", "email": "ada@example.org"},
    "text": "hello",
    "kind": "comment",
    "at": "2026-01-01T00:00:00Z",
}
Step = httpx.Response | Exception


class Network:
    """A network that gives the steps one after the other, and notes what was sent."""

    def __init__(self, *steps: Step) -> None:
        self._steps = iter(steps)
        self.sent: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        step = next(self._steps)
        if isinstance(step, Exception):
            raise step
        return step

    def http(self, retries: int = 4) -> Http:
        retry = RetryPolicy(retries=retries, first=1.0, longest=8.0, sleep=self.pauses.append)
        return Http(
            "https://site.example", "key-1", transport=httpx.MockTransport(self), retry=retry
        )


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    body = {"title": "T", "status": status, "code": code, "detail": "What happened.", **more}
    return httpx.Response(status, json=body, headers=headers)


def write(http: Http, *, repeatable: bool = True) -> Comment:
    return http.write(
        "POST", "requests/r/comments", CommentText(text="hello"), Comment, repeatable=repeatable
    )


def test_a_call_carries_the_key_and_names_the_client() -> None:
    network = Network(httpx.Response(200, json=ME))
    user = network.http().get("me", User)
    (request,) = network.sent
    assert str(request.url) == "https://site.example/api/v1/me"
    assert request.headers["authorization"] == "Bearer key-1"
    assert request.headers["user-agent"].startswith("carrel/")
    assert "idempotency-key" not in request.headers
    assert user.name == "Ada"


def test_a_write_is_retried_under_one_key_and_two_writes_have_two() -> None:
    network = Network(
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        problem(503, "unavailable"),
        httpx.Response(201, json=COMMENT),
        httpx.Response(201, json=COMMENT),
    )
    http = network.http()
    write(http)
    write(http)
    keys = [request.headers["idempotency-key"] for request in network.sent]
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]
    assert {request.content for request in network.sent} == {b'{"text":"hello"}'}


def test_pauses_are_random_and_grow_to_a_limit() -> None:
    network = Network(*[httpx.ConnectError("refused")] * 7)
    with pytest.raises(carrel.ConnectionFailed):
        network.http(retries=6).get("me", User)
    assert len(network.pauses) == 6
    for pause, limit in zip(network.pauses, (1, 2, 4, 8, 8, 8), strict=True):
        assert 0 < pause <= limit
    assert len(set(network.pauses)) == 6


def test_retry_after_in_seconds_is_kept() -> None:
    network = Network(
        problem(429, "rate_limited", headers={"Retry-After": "7"}), httpx.Response(200, json=ME)
    )
    network.http().get("me", User)
    assert 7 <= network.pauses[0] <= 8


def test_retry_after_as_a_date_is_kept() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    network = Network(
        problem(503, "unavailable", headers={"Retry-After": at}), httpx.Response(200, json=ME)
    )
    network.http().get("me", User)
    assert 20 < network.pauses[0] <= 31


@pytest.mark.parametrize("value", ["soon", "", "Mon, 99 Foo 2026"])
def test_a_retry_after_that_makes_no_sense_is_not_kept(value: str) -> None:
    network = Network(
        problem(503, "unavailable", headers={"Retry-After": value}), httpx.Response(200, json=ME)
    )
    network.http().get("me", User)
    assert 0 < network.pauses[0] <= 1


def test_a_site_that_asks_for_too_long_a_pause_is_told_of_at_once() -> None:
    network = Network(problem(429, "rate_limited", headers={"Retry-After": "3600"}))
    with pytest.raises(carrel.RateLimited) as caught:
        network.http().get("me", User)
    assert network.pauses == []
    assert caught.value.retry_after == 3600


def test_retries_come_to_an_end() -> None:
    network = Network(*[problem(503, "unavailable") for _ in range(3)])
    with pytest.raises(carrel.SiteUnavailable):
        network.http(retries=2).get("me", User)
    assert len(network.sent) == 3


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (409, "budget_exceeded", carrel.BudgetExceeded),
        (403, "no_budget", carrel.NoBudget),
        (409, "kind_paused", carrel.KindPaused),
        (409, "content_changed", carrel.ContentChanged),
        (412, "precondition_failed", carrel.ContentChanged),
        (422, "query_not_allowed", carrel.QueryNotAllowed),
        (401, "unauthenticated", carrel.NotSignedIn),
        (404, "not_found", carrel.NotFound),
        (500, "internal", carrel.SiteBroken),
    ],
)
def test_what_the_site_decided_is_not_retried(
    status: int, code: str, kind: type[carrel.CarrelError]
) -> None:
    network = Network(problem(status, code, request_id="rid", advice="Do this."))
    with pytest.raises(kind) as caught:
        write(network.http())
    assert len(network.sent) == 1
    error = caught.value
    assert (error.status_code, error.code, error.request_id) == (status, code, "rid")
    assert error.detail == "What happened."
    # A key is passed to connect(), not in a header: there the client's own advice is better.
    assert error.advice == (carrel.NotSignedIn.default_advice if status == 401 else "Do this.")
    assert error.unsure is False


def test_a_write_that_the_site_does_not_remember_is_retried_only_if_it_cannot_have_arrived() -> (
    None
):
    network = Network(httpx.ConnectError("refused"), httpx.Response(201, json=COMMENT))
    write(network.http(), repeatable=False)
    assert len(network.sent) == 2

    for lost in (httpx.ReadTimeout("late"), httpx.RemoteProtocolError("gone")):
        network = Network(lost)
        with pytest.raises(carrel.ConnectionFailed):
            write(network.http(), repeatable=False)
        assert len(network.sent) == 1

    network = Network(problem(503, "unavailable"))
    with pytest.raises(carrel.SiteUnavailable):
        write(network.http(), repeatable=False)
    assert len(network.sent) == 1


def test_a_refusal_after_a_lost_answer_is_marked() -> None:
    network = Network(httpx.ReadTimeout("late"), problem(409, "invalid_transition"))
    with pytest.raises(carrel.InvalidTransition) as caught:
        write(network.http())
    assert caught.value.unsure is True


def test_deleting_what_a_lost_answer_deleted_is_no_error() -> None:
    network = Network(httpx.ReadTimeout("late"), problem(404, "not_found"))
    network.http().delete("keys/key_1")
    network = Network(problem(404, "not_found"))
    with pytest.raises(carrel.NotFound):
        network.http().delete("keys/key_1")


def test_a_certificate_that_does_not_fit_is_not_retried() -> None:
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("certificate verify failed")
    network = Network(error)
    with pytest.raises(carrel.ConnectionFailed, match="certificate"):
        network.http().get("me", User)
    assert len(network.sent) == 1


def test_a_redirect_is_not_followed_and_the_key_stays_here() -> None:
    network = Network(httpx.Response(307, headers={"location": "https://other.example/"}))
    with pytest.raises(carrel.UnexpectedAnswer, match=r"other\.example"):
        network.http().get("me", User)
    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(200, text="<html>Sign in</html>"), carrel.UnexpectedAnswer),
        (httpx.Response(200, json=[1, 2]), carrel.UnexpectedAnswer),
        (httpx.Response(404, text="<html>nginx</html>"), carrel.UnexpectedAnswer),
        (httpx.Response(404, json={"message": "no"}), carrel.UnexpectedAnswer),
        (httpx.Response(502, text="Bad gateway"), carrel.SiteUnavailable),
        (httpx.Response(400, json={"status": 400}), carrel.InvalidInput),
        (httpx.Response(409, json={"status": 409, "code": 7, "errors": "x"}), carrel.Conflict),
    ],
)
def test_answers_that_are_no_site_s(answer: httpx.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        Network(answer).http(retries=0).get("me", User)


def test_iterating_a_page_goes_on_through_the_next_ones() -> None:
    def network(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("cursor", "0"))
        assert request.url.params["limit"] == "2"
        items = [{**ME, "id": f"usr_{number}{i}"} for i in range(2)]
        following = str(number + 1) if number < 2 else None
        return httpx.Response(200, json={"items": items, "next_cursor": following})

    http = Http("https://site.example", "k", transport=httpx.MockTransport(network))
    page = fetch_page(http, "users", User, lambda user: user.id, {"limit": 2})
    assert page.items == ("usr_00", "usr_01")
    assert page.has_more
    assert list(page) == [f"usr_{n}{i}" for n in range(3) for i in range(2)]
    assert list(page) == list(page)
    second = page.next_page()
    assert second is not None
    assert second.items == ("usr_10", "usr_11")


def test_a_page_is_only_fetched_when_it_is_reached() -> None:
    network = Network(
        httpx.Response(200, json={"items": [ME], "next_cursor": "a"}),
        httpx.Response(200, json={"items": [ME], "next_cursor": None}),
    )
    items: Iterator[User] = iter(fetch_page(network.http(), "users", User, lambda user: user))
    next(items)
    assert len(network.sent) == 1
    assert len(list(items)) == 1
    assert len(network.sent) == 2


def test_a_list_that_comes_whole_is_one_page() -> None:
    network = Network(httpx.Response(200, json=[COMMENT, COMMENT]))
    page = fetch_page(network.http(), "requests/r/comments", Comment, lambda c: c.text)
    assert list(page) == ["hello", "hello"]
    assert not page.has_more


@pytest.mark.parametrize("ref", ["..", ".", "a/b", "a?b#c", "ü x"])
def test_a_name_stays_one_segment_of_the_path(ref: str) -> None:
    network = Network(httpx.Response(200, json=ME))
    network.http().get(f"datasets/{quoted(ref)}/budget", User)
    (request,) = network.sent
    parts = request.url.raw_path.decode().split("/")
    assert parts[:4] == ["", "api", "v1", "datasets"]
    assert len(parts) == 6
    assert parts[5] == "budget"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://site.example", "https://site.example/api/v1/me"),
        ("https://site.example/", "https://site.example/api/v1/me"),
        (" https://site.example/api/v1/ ", "https://site.example/api/v1/me"),
        ("https://site.example/carrel/", "https://site.example/carrel/api/v1/me"),
        ("http://127.0.0.1:8000/?x=1#y", "http://127.0.0.1:8000/api/v1/me"),
    ],
)
def test_the_address_may_be_written_in_several_ways(url: str, base: str) -> None:
    network = Network(httpx.Response(200, json=ME))
    Http(url, "k", transport=httpx.MockTransport(network)).get("me", User)
    assert str(network.sent[0].url) == base


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("site.example", "k"),
        ("ftp://site.example", "k"),
        ("https://", "k"),
        ("https://ada:secret@site.example", "k"),
        ("https://site.example", "two words"),
        ("https://site.example", "kéy"),
        ("https://site.example", "k\nX-Other: 1"),
    ],
)
def test_what_cannot_be_an_address_or_key_is_refused_before_anything_is_sent(
    url: str, key: str
) -> None:
    with pytest.raises(carrel.ConfigurationError):
        carrel.connect(url, key)


def test_a_missing_setting_names_the_argument_and_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CARREL_URL", raising=False)
    monkeypatch.delenv("CARREL_API_KEY", raising=False)
    with pytest.raises(carrel.ConfigurationError, match="CARREL_URL") as caught:
        carrel.connect()
    assert "carrel.connect(" in str(caught.value)
    monkeypatch.setenv("CARREL_URL", "https://site.example")
    with pytest.raises(carrel.ConfigurationError, match="CARREL_API_KEY") as caught:
        carrel.connect()
    assert "key=" in str(caught.value)
    monkeypatch.setenv("CARREL_API_KEY", "secret-key")
    with carrel.connect() as site:
        assert site.url == "https://site.example"
        assert "secret-key" not in repr(site)


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARREL_URL", "https://other.example")
    monkeypatch.setenv("CARREL_API_KEY", "other")
    network = Network(httpx.Response(200, json=ME))
    transport = httpx.MockTransport(network)
    with carrel.connect("https://site.example", "mine", transport=transport) as site:
        assert site.me.name == "Ada"
        assert site.me is site.me
    assert network.sent[0].url.host == "site.example"
    assert network.sent[0].headers["authorization"] == "Bearer mine"


def test_plain_http_to_another_machine_is_warned_about() -> None:
    with pytest.warns(UserWarning, match="not https"):
        carrel.connect("http://site.example", "k").close()


def test_a_proxy_in_the_environment_does_not_get_in_front_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "")
    # Port 9 refuses; through the proxy the error would be about proxy.example's name.
    with (
        carrel.connect("http://127.0.0.1:9", "k", retries=0) as site,
        pytest.raises(carrel.ConnectionFailed, match=r"127\.0\.0\.1:9: .*refused"),
    ):
        _ = site.me


def test_a_body_leaves_out_what_was_not_given() -> None:
    network = Network(problem(422, "invalid_input"))
    dataset = carrel.Dataset.__new__(carrel.Dataset)
    site = carrel.Site(network.http())
    dataset._site = site
    dataset.data = type("Data", (), {"id": "ds_1", "name": "meps"})()  # type: ignore[assignment]
    with pytest.raises(carrel.InvalidInput):
        dataset.sql("SELECT COUNT(*) FROM meps", epsilon=0.5).price()
    assert json.loads(network.sent[0].content) == {
        "dataset": "ds_1",
        "sql": "SELECT COUNT(*) FROM meps",
        "target": {"kind": "epsilon", "epsilon": 0.5},
    }
    assert "idempotency-key" not in network.sent[0].headers
