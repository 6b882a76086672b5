"""Files in pieces from the client: what is lost on the way is sent again, and no more than that."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

import carrel
from carrel import _uploads
from carrel._http import RetryPolicy
from carrel_protocol.api.datasets import DatasetPolicy
from tests.client.conftest import IdleSite, LossyTransport
from tests.factories import make_access, make_dataset, make_population, make_version

CSV = b"person,age\n" + b"".join(b"%d,40\n" % i for i in range(500))


@pytest.fixture
def dataset(idle: IdleSite) -> str:
    owner = idle.app.owner.id

    def work(session: Any) -> str:
        people = make_population(session, owner)
        policy = DatasetPolicy(auto_approve=True, auto_approve_share=1)
        made = make_dataset(session, owner, people.id, name="visits", policy=policy)
        make_version(session, idle.app.site, made)
        make_access(session, owner, made.id, idle.app.researcher.id)
        return made.id

    return str(idle.app.site.db.transact(work))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_uploads, "PIECE", 1000)
    monkeypatch.setattr(RetryPolicy, "pause", lambda *_: 0.0)


def pieces(idle: IdleSite) -> list[str]:
    return [path.name for path in (idle.app.site.storage.root / "uploads").iterdir()]


def send(site: carrel.Site, source: Any = CSV, **options: Any) -> None:
    """Upload and do not wait: nobody lays anything out on this site."""
    with pytest.raises(carrel.WaitTimeout):
        site.datasets["visits"].upload(source, timeout=0.01, **options)


def stored(idle: IdleSite) -> bytes:
    newest = idle.app.call(idle.app.owner, "GET", "/datasets/visits/versions").json()["items"][0]
    content: bytes = (idle.app.site.storage.root / "uploads" / newest["id"]).read_bytes()
    return content


class Counting(httpx.BaseTransport):
    """Counts the pieces, and breaks the connection in the middle of some."""

    def __init__(self, breaks: set[int]) -> None:
        self._wire = httpx.HTTPTransport()
        self._breaks = breaks
        self.offsets: list[int] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            self.offsets.append(int(request.headers["upload-offset"]))
            if len(self.offsets) in self._breaks:
                raise httpx.WriteError("the connection broke", request=request)
        return self._wire.handle_request(request)

    def close(self) -> None:
        self._wire.close()


def test_a_file_arrives_as_it_was(idle: IdleSite, dataset: str, tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_bytes(CSV)
    transport = Counting(set())
    with idle.connect(idle.app.owner.secret, transport) as site:
        send(site, path)
    assert transport.offsets == list(range(0, len(CSV), 1000))
    assert stored(idle) == CSV


def test_a_broken_connection_costs_one_piece(idle: IdleSite, dataset: str) -> None:
    transport = Counting({2, 4, 5})
    with idle.connect(idle.app.owner.secret, transport) as site:
        send(site, format="csv")
    assert stored(idle) == CSV
    assert len(transport.offsets) == -(-len(CSV) // 1000) + 3


def test_a_piece_whose_answer_was_lost_is_not_sent_twice_over(idle: IdleSite, dataset: str) -> None:
    transport = LossyTransport(lambda request: request.method == "PATCH")
    with idle.connect(idle.app.owner.secret, transport) as site:
        send(site, format="csv")
    assert transport.lost == 1
    assert stored(idle) == CSV


def test_a_lost_answer_to_the_end_makes_one_version(idle: IdleSite, dataset: str) -> None:
    transport = LossyTransport(lambda request: request.url.path.endswith("/complete"))
    with idle.connect(idle.app.owner.secret, transport) as site:
        send(site, format="csv")
        assert len(list(site.datasets["visits"].versions)) == 2  # with the one it began with
    assert stored(idle) == CSV


def test_another_call_goes_on_with_the_same_file(idle: IdleSite, dataset: str) -> None:
    with (
        idle.connect(idle.app.owner.secret, Counting(set(range(3, 1000)))) as site,
        pytest.raises(carrel.ConnectionFailed),
    ):
        site.datasets["visits"].upload(CSV, format="csv", timeout=0.01)
    (left,) = pieces(idle)
    transport = Counting(set())
    with idle.connect(idle.app.owner.secret, transport) as site:
        send(site, format="csv")
    assert transport.offsets[0] == 2000
    assert stored(idle) == CSV
    assert left not in pieces(idle)


def test_another_file_of_the_same_size_begins_anew(idle: IdleSite, dataset: str) -> None:
    with (
        idle.connect(idle.app.owner.secret, Counting(set(range(3, 1000)))) as site,
        pytest.raises(carrel.ConnectionFailed),
    ):
        site.datasets["visits"].upload(CSV, format="csv")
    other = CSV.replace(b",40", b",50")
    transport = Counting(set())
    with idle.connect(idle.app.owner.secret, transport) as site:
        send(site, other, format="csv")
    assert transport.offsets[0] == 0
    assert hashlib.sha256(stored(idle)).digest() == hashlib.sha256(other).digest()


def test_an_empty_file_is_not_sent(idle: IdleSite, dataset: str) -> None:
    with (
        idle.connect(idle.app.owner.secret) as site,
        pytest.raises(carrel.InvalidInput, match="empty"),
    ):
        site.datasets["visits"].upload(b"", format="csv")
    assert pieces(idle) == []


def test_terms_are_read_and_accepted(idle: IdleSite, dataset: str) -> None:
    with (
        idle.connect(idle.app.owner.secret) as owner,
        idle.connect(idle.app.researcher.secret) as site,
    ):
        owner.datasets["visits"].update(terms="Be kind.")
        ds = site.datasets["visits"]
        assert (ds.terms, ds.terms_accepted) == ("Be kind.", False)
        assert "not accepted" in str(ds)
        with pytest.raises(carrel.TermsNotAccepted, match="accept_terms"):
            ds.sql("SELECT COUNT(*) AS n FROM visits", epsilon=0.1).submit("kindness")
        assert ds.accept_terms().terms_accepted
        ds.sql("SELECT COUNT(*) AS n FROM visits", epsilon=0.1).submit("kindness")
        owner.datasets["visits"].update(terms="Be kinder.")
        with pytest.raises(carrel.ContentChanged):
            ds.accept_terms()
        assert not ds.refresh().terms_accepted


def test_datasets_are_searched(idle: IdleSite, dataset: str) -> None:
    with idle.connect(idle.app.researcher.secret) as site:
        assert [ds.name for ds in site.datasets.list("REGION visit", ready=True)] == ["visits"]
        assert list(site.datasets.list("nowhere")) == []
        assert list(site.datasets.list(ready=False)) == []
