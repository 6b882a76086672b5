"""Budgets as people see them: their own, over time, and what is left to ask."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import BudgetLimits, DatasetPolicy
from carrel_protocol.privacy import AccuracyTarget, EpsilonTarget, RhoTarget
from carrel_site.ledger import accounting, buys, history
from carrel_site.ledger.accounting import Cost, Limits
from carrel_site.ledger.models import LedgerAccount
from tests.factories import (
    Member,
    make_access,
    make_dataset,
    make_member,
    make_population,
    make_version,
)
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite

EPSILON = {"kind": "epsilon", "epsilon": 0.5}


class Books:
    """A site with two populations, and people with accounts there."""

    def __init__(self, app: AppSite) -> None:
        self.app = app
        owner = app.owner.id

        def furnish(session: Any) -> tuple[str, Member]:
            other = make_member(session, Role.RESEARCHER)
            policy = DatasetPolicy(auto_approve=True, auto_approve_share=1.0)
            for name, epsilon in (("adults", 8.0), ("children", 4.0)):
                people = make_population(
                    session,
                    owner,
                    name=name,
                    each=BudgetLimits(epsilon=epsilon),
                    together=BudgetLimits(epsilon=10),
                )
                for number in (1, 2):
                    dataset = make_dataset(
                        session, owner, people.id, name=f"{name}_{number}", policy=policy
                    )
                    make_version(session, app.site, dataset)
                    make_access(session, owner, dataset.id, app.researcher.id)
                    if name == "adults":
                        make_access(session, owner, dataset.id, other.id)
            return owner, other

        _, self.other = app.site.db.transact(furnish)
        self.worker = HandWorker.admitted(app)

    def ok(self, who: Member, method: str, path: str, **options: Any) -> Any:
        reply = self.app.call(who, method, path, **options)
        assert reply.is_success, reply.text
        return reply.json()

    def budgets(self, who: Member) -> dict[str, Any]:
        page = self.ok(who, "GET", "/budgets")
        return {budget["population"]: budget for budget in page["items"]}

    def mine(self, who: Member, population: str = "adults") -> str:
        return str(self.budgets(who)[population]["mine"]["id"])

    def shared(self, population: str = "adults") -> str:
        accounts = self.ok(self.app.owner, "GET", f"/populations/{population}/accounts")
        return str(accounts["items"][0]["id"])

    def ask(self, who: Member, where: str, target: Any = EPSILON, dataset: str = "adults_1") -> Any:
        body = {
            "dataset": dataset,
            "sql": f"SELECT COUNT(*) AS n FROM {dataset} WHERE {where}",
            "target": target,
        }
        return self.app.call(who, "POST", "/requests", json=body)

    def settle(self, who: Member, where: str) -> Any:
        request = self.ask(who, where).json()
        self.worker.succeed(self.worker.claim(request["run"]["id"]))
        self.ok(who, "GET", f"/runs/{request['run']['id']}", params={"wait": 20})
        return request

    def simulate(self, who: Member, account: str, target: Any, times: int = 1) -> Any:
        body = {"target": target, "times": times}
        return self.ok(who, "POST", f"/accounts/{account}/simulate", json=body)


@pytest.fixture
def books(app_site: AppSite) -> Books:
    return Books(app_site)


def test_budgets_are_ones_own_by_population(books: Books) -> None:
    found = books.budgets(books.app.researcher)
    assert list(found) == ["adults", "children"]
    assert {name: budget["datasets"] for name, budget in found.items()} == {
        "adults": 2,
        "children": 2,
    }
    assert found["adults"]["mine"]["person"]["id"] == books.app.researcher.id
    assert found["adults"]["together_share_left"] == 1.0
    assert list(books.budgets(books.other)) == ["adults"]
    for staff in (books.app.owner, books.app.auditor, books.app.reviewer):
        assert books.budgets(staff) == {}


def test_pages_of_budgets_and_accounts_hold_each_once(books: Books) -> None:
    page = books.ok(books.app.researcher, "GET", "/budgets", params={"limit": 1})
    assert [budget["population"] for budget in page["items"]] == ["adults"]
    after = {"limit": 1, "cursor": page["next_cursor"]}
    page = books.ok(books.app.researcher, "GET", "/budgets", params=after)
    assert [budget["population"] for budget in page["items"]] == ["children"]
    assert page["next_cursor"] is None

    found, cursor = [], None
    while True:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = books.ok(books.app.auditor, "GET", "/populations/adults/accounts", params=query)
        found += [account["person"] and account["person"]["id"] for account in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found[0] is None
    assert sorted(found[1:]) == sorted([books.app.researcher.id, books.other.id])


def test_a_researcher_reaches_no_account_but_their_own(books: Books) -> None:
    theirs = books.mine(books.other)
    for account in (theirs, books.shared(), "acc_nothing"):
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/history", None),
            ("GET", "/entries", None),
            ("POST", "/simulate", {"target": EPSILON}),
        ):
            reply = books.app.call(
                books.app.researcher, method, f"/accounts/{account}{path}", json=body
            )
            assert (reply.status_code, reply.json()["code"]) == (404, "not_found"), path
    assert books.app.call(books.app.auditor, "GET", f"/accounts/{theirs}").status_code == 200
    assert books.app.call(books.other, "GET", f"/accounts/{theirs}").status_code == 200


def test_each_charge_leads_to_its_request(books: Books) -> None:
    request = books.settle(books.app.researcher, "age > 3")
    path = f"/accounts/{books.mine(books.app.researcher)}/entries"
    entries = books.ok(books.app.researcher, "GET", path)["items"]
    assert [entry["kind"] for entry in entries] == ["settle", "reserve", "open"]
    for entry in entries[:2]:
        assert entry["request_id"] == request["id"]
        assert entry["dataset"] == "adults_1"
        assert entry["requester"]["id"] == books.app.researcher.id
    assert (entries[2]["dataset"], entries[2]["requester"]) == (None, None)
    everyone = books.ok(books.app.owner, "GET", f"/accounts/{books.shared()}/entries")["items"]
    assert everyone[0]["requester"]["email"] == books.app.researcher.email


def test_reserved_is_told_from_spent(books: Books) -> None:
    account = books.mine(books.app.researcher)
    books.settle(books.app.researcher, "age > 3")
    settled = books.ok(books.app.researcher, "GET", f"/accounts/{account}")
    assert settled["share_reserved"] == 0 < settled["share_spent"]
    books.ask(books.app.researcher, "age > 4")
    held = books.ok(books.app.researcher, "GET", f"/accounts/{account}")
    assert held["share_spent"] == pytest.approx(2 * settled["share_spent"])
    assert held["share_reserved"] == pytest.approx(settled["share_spent"])


def test_a_raise_that_is_sent_again_raises_once(books: Books) -> None:
    owner, account = books.app.owner, books.mine(books.app.researcher)
    path, key = f"/accounts/{account}/raise", {"Idempotency-Key": "lost-answer"}
    raised = {"epsilon": 16, "reason": "A second study"}
    first = books.ok(owner, "POST", path, json=raised, headers=key)
    assert first["limits"]["epsilon"] == 16
    # Without the key this would be refused: it raises nothing any more.
    assert books.ok(owner, "POST", path, json=raised, headers=key) == first
    again = books.app.call(owner, "POST", path, json=raised)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    kinds = [
        entry["kind"] for entry in books.ok(owner, "GET", f"/accounts/{account}/entries")["items"]
    ]
    assert kinds.count("raise") == 1
    # The key is of this account and these words alone.
    for other, body in (
        (path, raised | {"epsilon": 20}),
        (f"/accounts/{books.shared()}/raise", raised),
    ):
        reply = books.app.call(owner, "POST", other, json=body, headers=key)
        assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_reused")


def test_history_ends_where_the_account_is(books: Books) -> None:
    who, account = books.app.researcher, books.mine(books.app.researcher)
    books.settle(who, "age > 1")
    raised = {"epsilon": 16, "reason": "A second study"}
    books.ok(books.app.owner, "POST", f"/accounts/{account}/raise", json=raised)
    books.settle(who, "age > 2")
    books.ask(who, "age > 3")
    cancelled = books.ask(who, "age > 4").json()["run"]["id"]
    books.ok(who, "POST", f"/runs/{cancelled}/cancel")
    points = books.ok(who, "GET", f"/accounts/{account}/history")["points"]
    # open, reserve, settle, raise, reserve, settle, reserve, reserve, refund
    assert [point["epsilon"] for point in points] == [8.0] * 3 + [16.0] * 6
    assert [point["charges"] for point in points] == [0, 1, 1, 1, 2, 2, 3, 4, 4]
    assert points[0]["share_spent"] == points[0]["share_reserved"] == 0
    assert points[1]["share_spent"] == 0 < points[1]["share_reserved"]
    assert points[2]["share_reserved"] == 0 < points[2]["share_spent"]
    # The limit was raised, so the same spending is a smaller share of it.
    assert 0 < points[3]["share_spent"] < points[2]["share_spent"]
    now = books.ok(who, "GET", f"/accounts/{account}")
    last = points[-1]
    assert last["share_spent"] + last["share_reserved"] == pytest.approx(now["share_spent"])
    assert last["share_reserved"] == pytest.approx(now["share_reserved"])
    times = [point["at"] for point in points]
    assert times == sorted(times)


def test_a_long_history_is_cut_and_stays_exact(books: Books) -> None:
    who, account_id = books.app.researcher, books.mine(books.app.researcher)
    for age in range(6):
        books.settle(who, f"age > {age}")

    def read(points: int) -> Any:
        return books.app.site.db.read(
            lambda s: history.history(s, s.get_one(LedgerAccount, account_id), points).points
        )

    whole = {point.at: point for point in read(200)}
    assert len(whole) == 13
    for points in range(1, 14):
        cut = read(points)
        assert len(cut) <= points + 2  # the opening, and what follows it, are points of their own
        assert all(point == whole[point.at] for point in cut)
        assert cut[-1] == list(whole.values())[-1]


@pytest.mark.parametrize(
    "target",
    [
        EPSILON,
        {"kind": "rho", "rho": 0.05},
        {"kind": "accuracy", "within": 8, "confidence": 0.95},
    ],
)
def test_as_many_as_it_says_fit_and_not_one_more(books: Books, target: Any) -> None:
    who, account = books.app.researcher, books.mine(books.app.researcher)
    books.ask(who, "age > 99", {"kind": "epsilon", "epsilon": 1.5})
    told = books.simulate(who, account, target, times=2)
    assert told["fits"] is (told["how_many"] >= 2)
    most = told["how_many"]
    assert 1 < most < 60
    for age in range(most):
        if age == 2:
            left = books.ok(who, "GET", f"/accounts/{account}")
            assert 1 - left["share_spent"] == pytest.approx(told["share_left_after"])
        assert books.ask(who, f"age > {age}", target).status_code == 201
        books.app.site.db.transact(_all_over)
    assert books.simulate(who, account, target)["how_many"] == 0
    refused = books.ask(who, "age > 98", target)
    assert (refused.status_code, refused.json()["code"]) == (409, "budget_exceeded")


def _all_over(session: Any) -> None:
    """End every run, so that unfinished ones do not stand in the way of asking."""
    session.execute(text("UPDATE runs SET state = 'cancelled', closed_at = now()"))


def test_what_everyone_has_together_limits_too(books: Books) -> None:
    who, account = books.app.researcher, books.mine(books.app.researcher)
    alone = books.simulate(who, account, EPSILON)
    assert alone["limited_by"] == "account"
    for age in range(12):
        books.ask(books.other, f"age > {age}", {"kind": "epsilon", "epsilon": 0.75})
        books.app.site.db.transact(_all_over)
    told = books.simulate(who, account, EPSILON, times=alone["how_many"])
    assert told["limited_by"] == "together"
    assert told["how_many"] < alone["how_many"]
    assert told["fits"] is False
    assert told["share_left"] == 1.0
    assert told["share_left_after"] == 0.0
    assert "everyone has together" in told["in_words"]
    # The population's own account is judged by itself.
    assert books.simulate(books.app.owner, books.shared(), EPSILON)["limited_by"] == "account"


def test_simulating_changes_nothing(books: Books) -> None:
    who, account = books.app.researcher, books.mine(books.app.researcher)
    before = books.ok(who, "GET", f"/accounts/{account}")
    head = books.ok(books.app.auditor, "GET", "/audit/head")["sequence"]
    books.simulate(who, account, EPSILON, times=1_000_000)
    assert books.ok(who, "GET", f"/accounts/{account}") == before
    assert books.ok(books.app.auditor, "GET", "/audit/head")["sequence"] == head


def test_what_cannot_be_simulated_is_refused(books: Books) -> None:
    account = books.mine(books.app.researcher)
    for body in (
        {"target": EPSILON, "times": 0},
        {"target": EPSILON, "times": 1_000_001},
        {"target": {"kind": "epsilon", "epsilon": 0}},
        {"target": {"kind": "accuracy", "within": 1e-9}},
        {"times": 1},
    ):
        path = f"/accounts/{account}/simulate"
        reply = books.app.call(books.app.researcher, "POST", path, json=body)
        if body.get("target", {}).get("kind") == "accuracy":
            assert reply.status_code in (200, 422)  # exact to one: no budget, or a large price
        else:
            assert reply.status_code == 422, body


costs = st.tuples(st.integers(0, 10**7), st.integers(0, 10**7))


@given(costs, costs, st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 5))
def test_how_many_more_is_what_the_rule_admits(
    spent: tuple[int, int], cost: tuple[int, int], first: int, second: int, delta: int
) -> None:
    limits = Limits((2000, 3000), (first, second), 17)
    gone, each = Cost(spent, 3), Cost(cost, delta)
    each = accounting.at_least_minimum(each, limits)
    times = accounting.how_many_more(gone, each, limits)
    assert times >= 0

    def after(count: int) -> Cost:
        done = tuple(g + count * e for g, e in zip(gone.nano, each.nano, strict=True))
        return Cost((done[0], done[1]), gone.delta_atto + count * each.delta_atto)

    if times:
        assert accounting.admits(after(times - 1), each, limits)
    assert not accounting.admits(after(times), each, limits)


@pytest.mark.parametrize("units", [50, 1_000, 473_000])
def test_a_preview_says_what_its_means_cost(units: int) -> None:
    """No more means than it says fit, and each is as exact as it says at its price."""
    limits = BudgetLimits(epsilon=5)
    told = buys.preview(limits, units, 0.1)
    found = buys._cheapest_means(units)
    assert found or not told.means_within
    for priced in found:
        assert priced.expected_errors[0].plus_minus <= 0.01
        (measure,) = priced.lowered.measures
        assert measure.function == "avg"
    assert told.means_within <= told.counts_within_one_percent or units < 1000
    assert len(told.examples) == 3
    assert f"{told.example_queries:,} counts" in told.examples[2]


def test_a_larger_budget_buys_more_of_everything() -> None:
    small, large = (buys.preview(BudgetLimits(epsilon=e), 10_000, 0.1) for e in (2.0, 8.0))
    assert small.counts_within_one_percent < large.counts_within_one_percent
    assert small.means_within < large.means_within
    assert small.example_queries < large.example_queries


@pytest.mark.parametrize(
    "target", [EpsilonTarget(epsilon=0.5), RhoTarget(rho=0.1), AccuracyTarget(within=20)]
)
def test_a_simulated_count_costs_what_a_count_is_priced_at(books: Books, target: Any) -> None:
    who, account = books.app.researcher, books.mine(books.app.researcher)
    body = target.model_dump(mode="json")
    asked = {
        "dataset": "adults_1",
        "sql": "SELECT COUNT(*) AS n FROM adults_1",
        "target": body,
    }
    price = books.ok(who, "POST", "/prices", json=asked)
    told = books.simulate(who, account, body)
    assert told["share_each"] == pytest.approx(price["share"])
    assert told["share_left_after"] == pytest.approx(price["share_left_after"])


def test_one_persons_budgets_are_for_those_who_see_all(books: Books) -> None:
    app = books.app
    path = f"/users/{books.other.id}/budgets"
    for who in (app.owner, app.reviewer, app.auditor):
        (only,) = books.ok(who, "GET", path)["items"]
        assert only == books.budgets(books.other)["adults"]
    for who in (app.researcher, books.other):
        assert app.call(who, "GET", path).json()["code"] == "forbidden"
    mine = f"/users/{app.researcher.id}/budgets"
    page = books.ok(app.owner, "GET", mine, params={"limit": 1})
    rest = books.ok(app.owner, "GET", mine, params={"cursor": page["next_cursor"]})
    assert [row["population"] for row in page["items"] + rest["items"]] == ["adults", "children"]
    assert rest["next_cursor"] is None
    assert books.ok(app.owner, "GET", f"/users/{app.auditor.id}/budgets")["items"] == []
    assert app.call(app.owner, "GET", "/users/nobody/budgets").status_code == 404
