"""Medians over blocks at the site: priced in ranks, charged as choices, answered and shown."""

from typing import Any

import httpx
import pytest

from carrel_protocol.black_box import BlackBoxContent, BlackBoxProgram, OutputVector
from carrel_protocol.privacy import AccuracyTarget, Claimed, EpsilonTarget, RhoTarget
from carrel_site.audit.verify import verify
from carrel_site.ledger.accounting import bounded_range_cost, pure_cost, zcdp_cost
from carrel_site.pricing.black_box import price_black_box
from carrel_site.pricing.deadlines import black_box_deadline_ms
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.pricing.price import cost_of_claims
from carrel_worker.mechanisms.choice import check_choice
from tests.site.code.boxes import VECTOR, Boxes

ORDERS = (2000, 9000)


def median(**changes: Any) -> dict[str, Any]:
    return {"aggregate": "median", "blocks": 100} | changes


def test_a_price_tells_ranks_and_costs_less_than_a_means(boxes: Boxes) -> None:
    price = boxes.price(**median())
    assert price["epsilon"] == pytest.approx(1.0)
    assert price["rho"] is None
    # Half of epsilon each: a scale of 2/(1/2) ranks, 39 of which a thousand others may reach.
    assert price["noise"] == [{"mechanism": "exponential", "scale": 4.0}] * 2
    assert [each["plus_minus"] for each in price["expected_errors"]] == [39, 39]
    assert {each["ranks"] for each in price["expected_errors"]} == {100}
    assert "the median over 100 blocks of work() of analysis.py" in price["in_words"]
    mean = boxes.price(blocks=100)
    assert {each["ranks"] for each in mean["expected_errors"]} == {None}
    assert all(a < b for a, b in zip(price["costs"], mean["costs"], strict=True))
    # Neither bounds nor blocks change the noise; more blocks make it a smaller part of them.
    wide = boxes.price(**median(output={"lower": [-1e9, 0], "upper": [1e9, 1], "steps": 1000}))
    more = boxes.price(**median(blocks=500))
    assert wide["noise"] == more["noise"] == price["noise"]
    assert wide["costs"] == more["costs"] == price["costs"]
    few = boxes.price(**median(blocks=5))
    assert [each["plus_minus"] for each in few["expected_errors"]] == [3, 3]  # any of five


def test_rho_is_priced_and_an_accuracy_is_refused_with_advice(boxes: Boxes) -> None:
    price = boxes.price(**median(target={"kind": "rho", "rho": 0.25}))
    assert price["rho"] == pytest.approx(0.25)
    assert price["epsilon"] is None
    assert [each["scale"] for each in price["noise"]] == pytest.approx([2.0, 2.0])
    for path in ("/black_box_prices", "/black_box_requests"):
        body = boxes.body(**median(target={"kind": "accuracy", "within": 0.5}))
        reply = boxes.code.call(boxes.code.app.researcher, "POST", path, json=body)
        assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert "ask with epsilon or rho" in reply.text


def test_steps_are_few_unless_they_were_said(boxes: Boxes) -> None:
    free = {"lower": [0, -1], "upper": [100, 1]}
    asked = boxes.ask(**median(output=free)).json()
    assert asked["content"]["output"]["steps"] == 1000
    said = boxes.ask(**median(output=free | {"steps": 1000}))
    assert (said.status_code, said.json()["id"]) == (httpx.codes.OK, asked["id"])
    other = boxes.ask(**median(output=free | {"steps": 4096}))
    assert other.status_code == httpx.codes.CREATED


def test_the_sites_noise_is_what_a_worker_accepts() -> None:
    for length in (1, 2, 3, 7, 100):
        for steps in (1, 3, 1000, 4096):
            vector = OutputVector(lower=(-1.0,) * length, upper=(3.0,) * length, steps=steps)
            for target in (
                EpsilonTarget(epsilon=1e-6),
                EpsilonTarget(epsilon=0.1),
                EpsilonTarget(epsilon=100),
                RhoTarget(rho=1e-10),
                RhoTarget(rho=0.3),
                RhoTarget(rho=1000),
            ):
                priced = price_black_box(
                    vector, 100, target, aggregate="median", orders_milli=ORDERS
                )
                for choice, noise, claimed in zip(
                    vector.choices(), priced.noise, priced.claimed, strict=True
                ):
                    check_choice(choice, noise, claimed)
                asked = target.epsilon if isinstance(target, EpsilonTarget) else target.rho
                assert (priced.epsilon or priced.rho or 0) <= asked * (1 + 1e-12)
    with pytest.raises(QueryNotAllowed):
        price_black_box(
            vector, 100, AccuracyTarget(within=1), aggregate="median", orders_milli=ORDERS
        )


@pytest.mark.parametrize("epsilon", [1e-4, 0.3, 1.0, 30.0])
def test_costs_add_over_coordinates_and_no_range_is_free(epsilon: float) -> None:
    one, three = (
        price_black_box(
            OutputVector(lower=(0.0,) * n, upper=(1.0,) * n, steps=10),
            10,
            EpsilonTarget(epsilon=epsilon * n),
            aggregate="median",
            orders_milli=ORDERS,
        )
        for n in (1, 3)
    )
    for place, order in enumerate(ORDERS):
        each = one.cost(ORDERS).nano[place]
        assert each == bounded_range_cost(one.claimed[0].value, order) > 0
        assert abs(three.cost(ORDERS).nano[place] - 3 * each) <= 3
        mixed = (*one.claimed, Claimed(kind="epsilon", value=0.5), Claimed(kind="rho", value=0.1))
        assert cost_of_claims(mixed, ORDERS).nano[place] == (
            each + pure_cost(0.5, order) + zcdp_cost(0.1, order)
        )


def test_from_the_asking_to_the_answer(boxes: Boxes) -> None:
    code = boxes.code
    request = boxes.queued(**median(blocks=5))
    assert request["content"]["aggregate"] == "median"
    job = boxes.claim(request)
    assert isinstance(job.content, BlackBoxContent)
    assert job.content.aggregate == "median"
    body = {
        "kind": "black_box",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "answer": {
            "aggregate": "median",
            "blocks": 5,
            "values": [41.5, 0.25],
            "ranks": [[1, 5], [0, 6]],
            "confidence": 0.95,
            "noise": [each.model_dump() for each in job.content.noise],
            "released": [415, 625],
        },
        "cpu_ms": 10.0,
        "wall_ms": 20.0,
    }
    assert boxes.worker.post(f"{job.run_id}/succeeded", body).is_success
    boxes.due(job.run_id)
    shown = code.run(job.run_id, wait=5)["black_box"]
    assert (shown["aggregate"], shown["values"]) == ("median", [41.5, 0.25])
    assert (shown["low"], shown["high"], shown["ranks"]) == (None, None, [[1, 5], [0, 6]])
    assert boxes.spent() == [("reserve", 2), ("settle", 2)]
    assert code.run(job.run_id)["receipt"] is not None
    site = code.app.site
    found = site.db.transact(
        lambda session: verify(session, [], site.signer.public, site_key=site.settings.site_key)
    )
    assert found.answers == 1
    # What was charged says by which mechanism.
    stored = code.execute(
        "SELECT detail FROM ledger_entries WHERE kind = 'reserve' ORDER BY id LIMIT 1"
    )
    assert stored["claimed"] == [{"kind": "range", "value": "0.5"}] * 2
    assert {each["mechanism"] for each in stored["noise"]} == {"exponential"}


def test_what_is_too_dear_says_what_would_fit(boxes: Boxes) -> None:
    price = boxes.price(**median(target={"kind": "epsilon", "epsilon": 90}))
    assert not price["affordable"]
    fits = price["fits"]["epsilon"]
    assert boxes.price(**median(target={"kind": "epsilon", "epsilon": fits}))["affordable"]


@pytest.mark.parametrize("length", [1, 100])
def test_there_is_public_time_for_choosing(length: int) -> None:
    def deadline(aggregate: str, steps: int) -> int:
        program = BlackBoxProgram.model_validate(
            {
                "entry": {"path": "a.py", "name": "work"},
                "files": [{"path": "a.py", "text": ""}],
                "limits": {"wall_seconds": 0.1},
                "blocks": 2,
                "output": VECTOR | {"lower": [0] * length, "upper": [1] * length, "steps": steps},
                "aggregate": aggregate,
            }
        )
        return black_box_deadline_ms(program, rows=100)

    assert deadline("median", 1) == deadline("mean", 1) == deadline("mean", 4096)
    if length == 100:
        assert deadline("median", 4096) > deadline("median", 1)
