"""What is retried happens once, also when the network loses the answer; against the real API."""

from collections.abc import Callable

import httpx
import pytest

import carrel
from carrel import count
from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import DatasetPolicy
from tests.client.conftest import IdleSite, LossyTransport
from tests.factories import make_access, make_dataset, make_population, make_version


@pytest.fixture
def name(idle: IdleSite) -> str:
    """A dataset, reviewed above half of the budget, which the researcher may ask."""
    app = idle.app
    owner, researcher = app.owner, app.member(Role.RESEARCHER)

    def work(session: object) -> str:
        population = make_population(session, owner.id)  # type: ignore[arg-type]
        policy = DatasetPolicy(auto_approve=True, auto_approve_share=0.5)
        dataset = make_dataset(session, owner.id, population.id, policy=policy)  # type: ignore[arg-type]
        make_version(session, app.site, dataset)  # type: ignore[arg-type]
        make_access(session, owner.id, dataset.id, researcher.id)  # type: ignore[arg-type]
        return dataset.name

    app.site.storage.prepare()
    return app.site.db.transact(work)


def losing(method: str, ending: str) -> LossyTransport:
    def loses(request: httpx.Request) -> bool:
        return request.method == method and request.url.path.endswith(ending)

    return LossyTransport(loses)


def as_researcher(idle: IdleSite, transport: httpx.BaseTransport | None = None) -> carrel.Site:
    return idle.connect(idle.app.researcher.secret, transport)


def test_a_question_whose_answer_was_lost_is_asked_and_charged_once(
    idle: IdleSite, name: str
) -> None:
    transport = losing("POST", "/requests")
    with as_researcher(idle, transport) as site:
        request = site.datasets[name].query().agg(n=count()).submit(epsilon=0.1)
        assert transport.lost == 1
        assert not request.reused
        assert [r.id for r in site.requests] == [request.id]
        assert site.budget(name).mine.charges == 1


def test_a_comment_whose_answer_was_lost_is_written_once(idle: IdleSite, name: str) -> None:
    transport = losing("POST", "/comments")
    with as_researcher(idle, transport) as site:
        request = site.datasets[name].query().agg(n=count()).submit(review=True, epsilon=0.1)
        request.comment("Hello?")
        assert transport.lost == 1
        assert [comment.text for comment in request.comments] == ["Hello?"]


def _approve(request: carrel.Request) -> str:
    return request.approve("Fine.").state


def _reject(request: carrel.Request) -> str:
    return request.reject("No.").state


def _return(request: carrel.Request) -> str:
    return request.return_("Say why.").state


@pytest.mark.parametrize(
    ("vote", "ending", "state"),
    [
        (_approve, "/approve", "queued"),
        (_reject, "/reject", "rejected"),
        (_return, "/return", "changes_requested"),
    ],
)
def test_a_vote_whose_answer_was_lost_counts_once(
    idle: IdleSite,
    name: str,
    vote: Callable[[carrel.Request], str],
    ending: str,
    state: str,
) -> None:
    with as_researcher(idle) as site:
        asked = site.datasets[name].query().agg(n=count()).submit(review=True, epsilon=0.1)
    transport = losing("POST", ending)
    with idle.connect(idle.app.reviewer.secret, transport) as reviewer:
        request = reviewer.requests[asked.id]
        assert vote(request) == state
        assert transport.lost == 1
        assert len(request.votes) == 1
        with pytest.raises(carrel.Conflict):  # what is truly a second vote is refused
            vote(request)


def test_a_withdrawal_and_a_cancellation_whose_answers_were_lost_are_done(
    idle: IdleSite, name: str
) -> None:
    with as_researcher(idle, losing("POST", "/withdraw")) as site:
        request = site.datasets[name].query().agg(n=count()).submit(review=True, epsilon=0.1)
        assert request.withdraw().state == "withdrawn"
    with as_researcher(idle, losing("POST", "/cancel")) as site:
        request = site.datasets[name].query().agg(m=count()).submit(epsilon=0.1)
        assert request.cancel().run is not None
        with pytest.raises(carrel.RunCancelled):
            request.wait()


def test_a_key_is_not_made_twice(idle: IdleSite) -> None:
    transport = losing("POST", "/keys")
    with idle.connect(idle.app.owner.secret, transport) as owner:
        before = len(list(owner.keys))
        with pytest.raises(carrel.ConnectionFailed):
            owner.keys.create("second")
        assert len(list(owner.keys)) == before + 1


def test_waiting_for_what_nobody_runs_times_out_and_it_goes_on(idle: IdleSite, name: str) -> None:
    with as_researcher(idle) as site:
        with pytest.raises(carrel.WaitTimeout, match="still queued") as caught:
            site.datasets[name].query().agg(n=count()).run(epsilon=0.1, timeout=0.3)
        request = caught.value.request
        assert request is not None
        assert request.refresh().state == "queued"
        assert request.run is not None
        assert not request.run.done
        assert site.budget(name).mine.share_spent > 0


def test_cancelling_what_no_worker_has_taken_gives_the_budget_back(
    idle: IdleSite, name: str
) -> None:
    with as_researcher(idle) as site:
        before = site.budget(name).mine.orders
        request = site.datasets[name].query().agg(n=count()).submit(epsilon=0.1)
        assert site.budget(name).mine.orders != before
        request.cancel()
        with pytest.raises(carrel.RunCancelled) as caught:
            request.wait()
        assert caught.value.request is request
        assert site.budget(name).mine.orders == before
        with pytest.raises(carrel.InvalidTransition):
            request.cancel()
