"""The client against a whole site: API, database, broker, worker.

Where a test compares a noisy count with the true one, it allows 40 noise scales: a discrete
Laplace variable is further out with probability below 2·e^-40 < 1e-17.
"""

import itertools
import os

import pytest

import carrel
from carrel import avg, col, count, sum_
from tests.client.conftest import LiveSite

PEOPLE = 2000
TABLE = {
    "unit_column": "person",
    "columns": [
        {"type": "integer", "name": "age", "lower": 0, "upper": 120, "nullable": False},
        {"type": "boolean", "name": "female", "nullable": False},
        {"type": "real", "name": "spend", "lower": "0", "upper": "100.00"},
        {"type": "category", "name": "region", "categories": ["north", "south"]},
    ],
    "size": {"rows": PEOPLE, "units": PEOPLE},
}
ROWS = [
    (i, 20 + i % 80, i % 2 == 0, (i % 101) * 0.5, ("north", "south", "")[i % 3])
    for i in range(PEOPLE)
]
OLD = sum(age > 70 for _, age, *_ in ROWS)
_numbers = itertools.count(1)


def table_bytes() -> bytes:
    lines = ["person,age,female,spend,region"]
    lines += [f"{i},{age},{str(f).lower()},{spend},{region}" for i, age, f, spend, region in ROWS]
    return ("\n".join(lines) + "\n").encode()


def make_dataset(live: LiveSite, *, epsilon: float = 10.0, auto: bool = True) -> carrel.Dataset:
    """A dataset of its own population, which "ada" may ask."""
    number = next(_numbers)
    live.person("ada")
    population = live.owner.populations.create(f"people_{number}", together=20.0, each=epsilon)
    dataset = live.owner.datasets.create(
        f"table_{number}",
        population,
        TABLE,
        title=f"Table {number}",
        policy={"auto_approve": auto, "auto_approve_share": 1.0},
    )
    version = dataset.upload(table_bytes(), format="csv")
    assert (version.rows, version.units) == (PEOPLE, PEOPLE)
    dataset.give_access("ada@example.org")
    return live.person("ada").datasets[dataset.name]


@pytest.fixture(scope="module")
def ds(live: LiveSite) -> carrel.Dataset:
    """Approved at once, as ada sees it."""
    return make_dataset(live)


@pytest.fixture(scope="module")
def reviewed(live: LiveSite) -> carrel.Dataset:
    """Approved by a person, as ada sees it."""
    return make_dataset(live, auto=False)


def test_the_catalogue_has_what_one_may_ask(live: LiveSite, ds: carrel.Dataset) -> None:
    ada = live.person("ada")
    assert ada.me.email == "ada@example.org"
    assert ds.name in [dataset.name for dataset in ada.datasets]
    assert ada.datasets[ds.id].name == ds.name
    assert ada.datasets.get(ds.name).title == ds.title
    assert ds.ready
    assert [column.name for column in ds.schema] == ["age", "female", "spend", "region"]
    assert len(ada.datasets.list(limit=1).items) == 1


def test_somebody_else_sees_nothing_of_it(live: LiveSite, ds: carrel.Dataset) -> None:
    eve = live.person("eve")
    assert ds.name not in [dataset.name for dataset in eve.datasets]
    with pytest.raises(carrel.NotFound) as missing:
        eve.datasets["no_such_table"]
    with pytest.raises(carrel.NotFound) as hidden:
        eve.datasets[ds.name]
    assert hidden.value.detail.replace(ds.name, "no_such_table") == missing.value.detail


def test_pages_go_on(live: LiveSite, ds: carrel.Dataset, reviewed: carrel.Dataset) -> None:
    ada = live.person("ada")
    names = [dataset.name for dataset in ada.datasets.list(limit=1)]
    assert {ds.name, reviewed.name} <= set(names)
    assert names == [dataset.name for dataset in ada.datasets]


def test_a_mock_keeps_to_the_schema_and_to_its_seed(ds: carrel.Dataset) -> None:
    mock = ds.mock(50, seed=7)
    assert len(mock) == 50
    assert mock.rows == ds.mock(50, seed=7).rows
    assert mock.rows != ds.mock(50, seed=8).rows
    for row in mock:
        assert 0 <= row["age"] <= 120
        assert row["region"] in ("north", "south", None)
    assert {"age", "female", "spend", "region"} <= set(mock.to_pandas().columns)


def test_a_price_is_what_the_answer_then_costs(live: LiveSite, ds: carrel.Dataset) -> None:
    query = ds.sql(f"SELECT COUNT(*) AS n FROM {ds.name} WHERE age > 70", epsilon=0.5)
    before = ds.budget.share_left
    price = query.price()
    assert ds.budget.share_left == before
    assert price.epsilon == 0.5
    assert price.affordable
    assert price.approval == "automatic"

    result = query.run()
    assert abs(result.value - OLD) < 40 / 0.5
    assert result.interval[0] <= result.value <= result.interval[1]
    assert result.expected_error == price.plus_minus["n"]
    assert result.cost == carrel.Cost(0.5, None, price.share, reused=False)
    assert result.receipt is not None
    assert result.receipt.sequence > 0
    left = ds.budget.share_left
    assert left == pytest.approx(before - price.share, abs=1e-6)
    assert left == pytest.approx(price.share_left_after, abs=1e-6)
    assert live.person("ada").budget(ds.name).mine.charges == ds.budget.mine.charges


def test_python_and_sql_are_one_question_and_the_second_time_is_free(ds: carrel.Dataset) -> None:
    in_sql = ds.sql(
        f"SELECT female, COUNT(*) AS n, AVG(spend) AS m FROM {ds.name} "
        "WHERE age > 70 AND NOT region = 'south' GROUP BY female",
        epsilon=1.0,
    )
    in_python = (
        ds.query()
        .where(~(col("region") == "south"), col("age") >= 71)
        .group_by("female")
        .agg(n=count(), m=avg("spend"))
    )
    assert in_python.price(epsilon=1.0).plan == in_sql.price().plan

    first = in_sql.run()
    left = ds.budget.share_left
    second = in_python.run(epsilon=1.0)
    assert second.request.id == first.request.id
    assert second.cost.reused
    assert not first.cost.reused
    assert second.rows == first.rows
    assert ds.budget.share_left == left
    assert in_python.run(epsilon=0.9).rows != first.rows


def test_every_kind_of_measure_and_privacy_has_an_answer(ds: carrel.Dataset) -> None:
    query = ds.query().group_by("region").agg(n=count(), s=sum_("spend"), m=avg("spend"))
    by_rho = query.with_privacy(rho=0.05).run()
    assert [row["region"] for row in by_rho] == ["north", "south", None]
    assert by_rho.cost.rho == pytest.approx(0.05)
    assert list(by_rho.to_pandas()["n"]) == [row["n"] for row in by_rho]
    assert len(by_rho.to_pandas().columns) == 1 + 3 * 3

    within = ds.query().agg(n=count())
    price = within.price(within=25, confidence=0.9)
    assert price.plus_minus["n"] <= 25
    answer = within.run(within=25, confidence=0.9)
    assert answer.confidence == 0.9
    assert answer.expected_error <= 25


def test_bounds_can_be_narrowed_for_one_question(ds: carrel.Dataset) -> None:
    query = ds.query().agg(s=sum_("spend"))
    one = query.price(epsilon=0.1, bounds={"rows_per_unit": 1})
    three = query.price(epsilon=0.1, bounds=carrel.UnitBounds(rows_per_unit=3))
    assert three.plus_minus["s"] > 2 * one.plus_minus["s"]


def test_what_cannot_be_asked_is_pointed_at(ds: carrel.Dataset) -> None:
    with pytest.raises(carrel.QueryNotAllowed) as caught:
        ds.sql(f"SELECT MEDIAN(spend) FROM {ds.name}", epsilon=1.0).price()
    assert [(e["line"], e["column"]) for e in caught.value.errors] == [(1, 8)]
    quoted, pointed = str(caught.value).splitlines()[1:3]
    assert quoted[pointed.index("^") :].startswith("MEDIAN")

    with pytest.raises(carrel.QueryNotAllowed) as caught:
        ds.query().where(col("agee") > 70).agg(n=count()).run(epsilon=1.0)
    assert "col('agee')" in str(caught.value)
    assert "did you mean 'age'" in str(caught.value)


def test_a_question_without_privacy_is_not_sent(ds: carrel.Dataset) -> None:
    with pytest.raises(carrel.InvalidInput, match=r"epsilon=0\.1"):
        ds.query().agg(n=count()).price()
    with pytest.raises(carrel.InvalidInput, match="Choose one"):
        ds.query().agg(n=count()).price(epsilon=1, rho=1)
    with pytest.raises(carrel.InvalidInput, match="confidence"):
        ds.sql("SELECT 1", epsilon=1, confidence=0.9)


def test_more_than_is_left_is_refused_and_charged_nothing(live: LiveSite) -> None:
    small = make_dataset(live, epsilon=0.5)
    query = small.query().agg(n=count())
    price = query.price(epsilon=5)
    assert not price.affordable
    assert "more than is left" in str(price)
    left = small.budget.share_left
    with pytest.raises((carrel.BudgetExceeded, carrel.ReviewRequired)) as caught:
        query.run(epsilon=5)
    assert "left" in str(caught.value)
    assert small.budget.share_left == left

    paid = 0
    while small.query().agg(n=count()).price(epsilon=0.2 + paid / 1000).affordable:
        small.query().agg(n=count()).run(epsilon=0.2 + paid / 1000)
        paid += 1
    with pytest.raises(carrel.BudgetExceeded) as refused:
        small.query().agg(n=count()).run(epsilon=0.2 + paid / 1000)
    assert refused.value.status_code == 409
    assert small.budget.mine.charges == paid > 0


def test_a_reviewer_approves_what_they_were_shown(live: LiveSite, reviewed: carrel.Dataset) -> None:
    query = reviewed.query().where(col("age") > 70).agg(n=count())
    with pytest.raises(carrel.ReviewRequired) as caught:
        query.run(epsilon=0.5, purpose="For the yearbook")
    mine = caught.value.request
    assert mine is not None
    assert mine.id in str(caught.value)
    assert mine.state == "submitted"
    with pytest.raises(carrel.Forbidden):
        mine.approve()
    with pytest.raises(carrel.WaitTimeout):
        mine.wait(timeout=0)

    rita = live.person("rita", "reviewer")
    waiting = rita.requests.list(state="submitted", dataset=reviewed)
    listed = next(request for request in waiting if request.id == mine.id)
    with pytest.raises(carrel.InvalidInput, match="not looked at"):
        listed.approve()
    assert "For the yearbook" in str(listed)  # looking at it reads it
    assert "where (col('age') >= 71)" in str(listed)
    listed.comment("Looks good to me.")
    assert listed.approve("Fine.").state == "queued"

    result = mine.wait(timeout=60)
    assert abs(result.value - OLD) < 40 / 0.5
    assert mine.run is not None
    assert mine.run.done
    assert "Looks good to me." in [comment.text for comment in mine.comments]
    assert [vote.decision for vote in mine.refresh().votes] == ["approve"]
    again = live.person("ada").runs[mine.run.id].wait()
    assert again.rows == result.rows


def test_nobody_reviews_their_own_request(live: LiveSite, reviewed: carrel.Dataset) -> None:
    rita = live.person("rita", "reviewer")
    live.owner.datasets[reviewed.name].give_access(rita.me.id)
    mine = rita.datasets[reviewed.name].query().agg(n=count()).submit(epsilon=0.1)
    with pytest.raises(carrel.NotReviewer):
        mine.approve()
    assert mine.refresh().state == "submitted"


def test_an_edit_ends_what_a_reviewer_was_about_to_approve(
    live: LiveSite, reviewed: carrel.Dataset
) -> None:
    mine = reviewed.query().where(col("age") > 30).agg(n=count()).submit(epsilon=0.5)
    rita = live.person("rita", "reviewer")
    shown = rita.requests[mine.id]
    stale = live.person("ada").requests[mine.id]
    mine.edit(reviewed.query().where(col("age") > 31).agg(n=count()), epsilon=0.25)
    assert mine.price.epsilon == 0.25
    with pytest.raises(carrel.ContentChanged):
        shown.approve()
    with pytest.raises(carrel.ContentChanged):
        stale.edit(purpose="Something else")
    assert shown.refresh().approve().state == "queued"
    assert len(mine.wait(timeout=60)) == 1


def test_returned_edited_and_rejected(live: LiveSite, reviewed: carrel.Dataset) -> None:
    rita = live.person("rita", "reviewer")
    mine = reviewed.sql(f"SELECT COUNT(*) AS c FROM {reviewed.name}", epsilon=2.0).submit("Why?")
    rita.requests[mine.id].request_changes("Too dear: use a smaller epsilon.")
    with pytest.raises(carrel.ChangesRequested, match="Too dear") as caught:
        mine.wait()
    assert caught.value.request is mine
    with pytest.raises(carrel.QueryNotAllowed) as refused:
        mine.edit(sql=f"SELECT MEDIAN(age) FROM {reviewed.name}")
    assert "^ MEDIAN" in str(refused.value)
    assert mine.edit(epsilon=0.5).state == "submitted"
    assert mine.price.epsilon == 0.5

    rita.requests[mine.id].reject("No.")
    with pytest.raises(carrel.RequestRejected, match=r"rejected by Rita: No\."):
        mine.wait()


def test_a_request_can_be_taken_back(live: LiveSite, reviewed: carrel.Dataset) -> None:
    mine = reviewed.query().agg(old=count()).submit(epsilon=0.1)
    assert mine.withdraw().state == "withdrawn"
    with pytest.raises(carrel.RequestWithdrawn):
        mine.wait()
    with pytest.raises(carrel.InvalidTransition):
        mine.withdraw()
    with pytest.raises(carrel.InvalidTransition, match="no run"):
        mine.cancel()


def test_approved_over_budget_raised_and_queued_again(live: LiveSite) -> None:
    small = make_dataset(live, epsilon=0.5, auto=False)
    mine = small.query().agg(n=count()).submit(epsilon=2.0)
    live.person("rita", "reviewer").requests[mine.id].approve()
    with pytest.raises(carrel.BudgetExceeded, match="queue") as caught:
        mine.wait()
    assert mine.state == "over_budget"
    assert caught.value.status_code is None
    with pytest.raises(carrel.BudgetExceeded) as refused:
        mine.queue()
    assert refused.value.status_code == 409

    account = small.budget.mine
    raised = live.owner.populations.raise_limit(account, 12.0, "A second year of the study.")
    assert raised.limits.epsilon == 12.0
    assert mine.queue().state == "queued"
    assert abs(mine.wait(timeout=60).value - PEOPLE) < 40 / 2.0
    assert "A second year" in str(small.budget)
    entries = live.owner.populations.entries(account)
    assert [entry.kind for entry in entries] == ["settle", "reserve", "raise", "open"]


def test_review_can_be_asked_for_where_it_is_not_needed(live: LiveSite, ds: carrel.Dataset) -> None:
    mine = (
        ds.query()
        .where(col("age") > 99)
        .agg(n=count())
        .submit("Please look", review=True, rho=0.01)
    )
    assert mine.state == "submitted"
    assert mine.withdraw().state == "withdrawn"


def test_staff_see_who_asked_what_and_researchers_do_not(
    live: LiveSite, ds: carrel.Dataset, reviewed: carrel.Dataset
) -> None:
    asked = ds.query().agg(everybody=count()).submit(epsilon=0.1)
    asked.wait(timeout=60)
    auditor = live.person("audrey", "auditor")
    assert asked.id in [request.id for request in auditor.requests]
    assert auditor.requests[asked.id].requester.name == "Ada"
    actions = {event.action for event in auditor.audit}
    assert {"request.submitted", "run.queued"} <= actions
    assert auditor.audit.head().sequence > 0
    assert "Ada" in [user.name for user in auditor.users]
    assert ds.population in [population.name for population in auditor.populations]

    eve = live.person("eve")
    with pytest.raises(carrel.NotFound):
        eve.requests[asked.id]
    assert list(eve.requests) == []
    for forbidden in (lambda: list(eve.audit), lambda: list(eve.users), lambda: list(ds.versions)):
        with pytest.raises(carrel.Forbidden):
            forbidden()


def test_the_owner_edits_what_they_read(live: LiveSite, ds: carrel.Dataset) -> None:
    mine = live.owner.datasets[ds.name]
    other = live.owner.datasets[ds.name]
    assert mine.update(description="From the field.").description == "From the field."
    with pytest.raises(carrel.ContentChanged):
        other.update(description="From the office.")
    listed = next(dataset for dataset in live.owner.datasets if dataset.name == ds.name)
    assert listed.update(title="A better title").title == "A better title"
    assert mine.refresh().description == "From the field."
    assert "ada@example.org" in [grant.email for grant in mine.access]


def test_an_upload_that_does_not_fit_says_why(live: LiveSite, ds: carrel.Dataset) -> None:
    mine = live.owner.datasets[ds.name]
    with pytest.raises(carrel.IngestFailed):
        mine.upload(b"person,age\n1,2\n", format="csv")
    with pytest.raises(carrel.InvalidInput, match="any format"):
        mine.upload(b"x")
    assert next(iter(mine.versions)).state == "failed"
    assert ds.refresh().ready


def test_access_and_keys_end_at_once(live: LiveSite, ds: carrel.Dataset) -> None:
    zoe = live.person("zoe")
    mine = live.owner.datasets[ds.name]
    mine.give_access(zoe.me.id)
    assert zoe.datasets[ds.name].budget.mine.charges == 0
    mine.take_access(zoe.me.id)
    with pytest.raises(carrel.NotFound):
        zoe.datasets[ds.name]

    key = live.owner.keys.create("a second", scopes=("read",), expires_in_days=1)
    with carrel.connect(live.url, key.secret) as second:
        assert second.me.role == "owner"
        live.owner.keys.revoke(key.id)
        with pytest.raises(carrel.NotSignedIn):
            list(second.datasets)


def test_the_environment_is_enough(
    live: LiveSite, ds: carrel.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = live.person("ada")._http._client.headers["authorization"].removeprefix("Bearer ")
    monkeypatch.setitem(os.environ, "CARREL_URL", live.url)
    monkeypatch.setitem(os.environ, "CARREL_API_KEY", key)
    with carrel.connect() as site:
        assert site.me.name == "Ada"
