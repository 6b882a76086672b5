"""The noise that researchers receive, through the whole path: asked over REST, priced by the site,
claimed and drawn by a real Celery worker, recorded, and read back over REST.

Every person has one row, so bounding changes nothing and noise = released − exact. Each question
groups by KEYS public keys, most of them empty, and releases a COUNT and a SUM for each: KEYS
independent draws a primitive. Per mechanism two scales, per scale two questions.

False alarms. `Law.faults` makes 5 tests of level ALPHA for each of the 16 primitives (80);
independence is tested 8 times between two questions of one price and 8 times between the COUNT
and the SUM of one question: 96 tests. By the union bound a right site fails with probability at
most 96 · ALPHA < 1e-6. The CDFs are tested by Dvoretzky–Kiefer–Wolfowitz with Massart's constant,
which holds for discrete laws; signs by exact binomial tests; the scale by Chernoff's bound. None
is asymptotic. That two vectors of KEYS draws be equal has probability below p^KEYS, with p ≤ 0.3
the largest probability of any one value, and is not counted.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import BudgetLimits
from carrel_protocol.api.requests import Price
from carrel_protocol.privacy import Noise
from carrel_site.embedded.valkey import Valkey
from carrel_site.settings import Settings
from carrel_site.site import Site
from tests.e2e.fleet import Crew, Fleet
from tests.e2e.noise_law import Integers, Law, dkw
from tests.embedded.procs import eventually
from tests.factories import Member, make_access, make_member, make_population

ALPHA = 1e-8
KEYS = 4_000
LOWER, UPPER = -2, 9
MAGNITUDES = {"n": 1, "s": UPPER}
"""The most that one person moves a COUNT or a SUM by: L1 and L2 are both that."""
TARGETS = (
    {"kind": "epsilon", "epsilon": 0.5},
    {"kind": "epsilon", "epsilon": 0.1},
    {"kind": "rho", "rho": 0.02},
    {"kind": "rho", "rho": 0.0005},
)
CUTS = (UPPER, 4)
PEOPLE = [(person, 1 + person * person % 977, person % 12 - 2) for person in range(3_000)]
"""Person, key (of the first 977 only), x."""


@dataclass(frozen=True)
class Released:
    """One question: its price, asked for before; its recorded answer; the noise by measure."""

    target: dict[str, Any]
    price: Price
    run: dict[str, Any]
    noise: dict[str, tuple[Noise, Integers]]


@pytest.fixture
def fleet(site_settings: Settings, valkey: Valkey, tmp_path: Path) -> Iterator[Fleet]:
    """One API, beat, and a worker of two children, so that noise comes from several processes."""
    running = Fleet(site_settings, valkey, tmp_path / "logs", apis=1, crews=(Crew("worker"),))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def asker(fleet: Fleet) -> Iterator[httpx.Client]:
    """A researcher of a dataset "noisy" that holds PEOPLE, who can pay for everything here."""
    site = Site.open(fleet.settings)

    def people(session: Any) -> tuple[Member, Member]:
        owner = make_member(session, Role.OWNER)
        limits = BudgetLimits(epsilon=100)
        make_population(session, owner.id, name="people", together=limits, each=limits)
        return owner, make_member(session, Role.RESEARCHER)

    owner, researcher = site.db.transact(people)
    table = {
        "unit_column": "person",
        "columns": [
            {"type": "integer", "name": "key", "lower": 1, "upper": KEYS, "nullable": False},
            {"type": "integer", "name": "x", "lower": LOWER, "upper": UPPER, "nullable": False},
        ],
        "size": {"rows": len(PEOPLE), "units": len(PEOPLE)},
    }
    policy = {"auto_approve": True, "auto_approve_share": 1.0}
    asked = {"name": "noisy", "population": "people", "table": table, "policy": policy}
    with _client(fleet, owner) as http:
        dataset = http.post("/datasets", json=asked).raise_for_status().json()["id"]
        rows = "".join(f"{person},{key},{x}\n" for person, key, x in PEOPLE)
        content = "person,key,x\n" + rows
        http.post("/datasets/noisy/versions?format=csv", content=content).raise_for_status()
        assert eventually(
            lambda: http.get("/datasets/noisy").raise_for_status().json()["version_id"], 60
        ), fleet.tail()
    site.db.transact(lambda session: make_access(session, owner.id, dataset, researcher.email))
    with _client(fleet, researcher) as http:
        yield http
    site.close()


def _client(fleet: Fleet, member: Member) -> httpx.Client:
    return httpx.Client(
        base_url=f"{fleet.url}/api/v1", headers=member.headers, timeout=60, trust_env=False
    )


def _question(cut: int, target: dict[str, Any]) -> dict[str, Any]:
    """Who has x ≤ cut, by key; no two cuts mean the same."""
    sql = f"SELECT key, COUNT(*) AS n, SUM(x) AS s FROM noisy WHERE x <= {cut} GROUP BY key"
    return {"dataset": "noisy", "sql": sql, "target": target}


def _exact(cut: int) -> dict[str, Integers]:
    counts: Counter[int] = Counter()
    sums: Counter[int] = Counter()
    for _, key, x in PEOPLE:
        if x <= cut:
            counts[key] += 1
            sums[key] += x
    keys = range(1, KEYS + 1)
    return {
        "n": np.array([counts[key] for key in keys]),
        "s": np.array([sums[key] for key in keys]),
    }


def _ask_everything(http: httpx.Client) -> list[Released]:
    """Price every question, ask them all at once, and take the noise out of what is recorded."""
    questions = [(cut, target) for target in TARGETS for cut in CUTS]
    asked = []
    for cut, target in questions:
        body = _question(cut, target)
        price = Price.model_validate(http.post("/prices", json=body).raise_for_status().json())
        created = http.post("/requests", json=body).raise_for_status().json()
        asked.append((cut, target, price, created["run"]["id"]))
    return [
        _released(cut, target, price, _ended(http, run_id)) for cut, target, price, run_id in asked
    ]


def _ended(http: httpx.Client, run_id: str) -> dict[str, Any]:
    while True:
        run: dict[str, Any] = (
            http.get(f"/runs/{run_id}", params={"wait": 20}).raise_for_status().json()
        )
        if run["finished_at"] is not None:
            assert run["state"] == "succeeded"
            return run


def _released(cut: int, target: dict[str, Any], price: Price, run: dict[str, Any]) -> Released:
    answer = run["answer"]
    assert answer["keys"] == [[key] for key in range(1, KEYS + 1)]
    noise = {}
    for measure, primitive in zip(answer["measures"], answer["primitives"], strict=True):
        assert measure["values"] == primitive["values"]
        values = np.array(measure["values"], dtype=np.int64)
        name = measure["name"]
        noise[name] = (Noise.model_validate(primitive["noise"]), values - _exact(cut)[name])
    return Released(target, price, run, noise)


def _priced_scale(target: dict[str, Any], magnitude: int) -> float:
    """Each of the two primitives gets half of what was asked: L1/ε, or σ with L2²/2σ² = ρ."""
    if target["kind"] == "epsilon":
        return magnitude / (target["epsilon"] / 2)
    return magnitude / math.sqrt(2 * target["rho"] / 2)


@pytest.mark.timeout(600)
def test_what_is_released_has_the_noise_that_was_priced(asker: httpx.Client) -> None:
    released = _ask_everything(asker)

    for question in released:
        # The price said so, the answer says so, and it is what the epsilon or rho asked for needs.
        assert tuple(noise for noise, _ in question.noise.values()) == question.price.noise
        for name, (noise, drawn) in question.noise.items():
            expected = _priced_scale(question.target, MAGNITUDES[name])
            assert noise.scale == pytest.approx(expected, rel=1e-9)
            assert noise.mechanism == (
                "discrete_laplace" if question.target["kind"] == "epsilon" else "discrete_gaussian"
            )
            assert Law(noise).faults(drawn, ALPHA) == [], (question.target, name)
            assert len(np.unique(drawn)) > 1
        _check_spent(question)
        (counts, count_noise), (sums, sum_noise) = question.noise.values()
        assert not Law(counts).dependent(count_noise, Law(sums), sum_noise, ALPHA)

    for one, other in combinations(released, 2):
        for name, (noise, drawn) in one.noise.items():
            also = other.noise[name][1]
            assert not np.array_equal(drawn, also)
            if one.target == other.target:
                assert not Law(noise).dependent(drawn, Law(noise), also, ALPHA)

    again = asker.post("/requests", json=_question(CUTS[0], TARGETS[0])).raise_for_status().json()
    assert again["reused"]
    assert again["run"]["answer"] == released[0].run["answer"]


def _check_spent(question: Released) -> None:
    """Over both primitives the noise gives no less privacy than asked for, in exact arithmetic."""
    target = question.target
    total = Fraction(0)
    for name, (noise, _) in question.noise.items():
        scale, magnitude = Fraction(noise.scale), MAGNITUDES[name]
        if target["kind"] == "epsilon":
            total += magnitude / scale
        else:
            total += magnitude**2 / (2 * scale**2)
    assert total <= Fraction(target[target["kind"]])


@pytest.mark.parametrize("mechanism", ["discrete_laplace", "discrete_gaussian"])
@pytest.mark.parametrize("scale", [2 / 0.5, 9 * 2 / 0.1])
def test_the_tests_above_can_fail(mechanism: str, scale: float) -> None:
    """At this many draws, a scale 20 % too small fails by its CDF and its mean alike; so do the
    other mechanism at the same spread, noise without its sign, and noise used twice."""
    random = np.random.default_rng(11)
    right = Law(Noise.model_validate({"mechanism": mechanism, "scale": scale}))

    def draw(mechanism: str, scale: float) -> Integers:
        law = Law(Noise.model_validate({"mechanism": mechanism, "scale": scale}))
        return random.choice(law.support, size=KEYS, p=law.probability)

    good = draw(mechanism, scale)
    assert right.faults(good, ALPHA) == []
    assert {"CDF of the absolute value", "scale"} <= set(
        right.faults(draw(mechanism, 0.8 * scale), ALPHA)
    )
    other, spread = (
        ("discrete_gaussian", scale * math.sqrt(2))
        if mechanism == "discrete_laplace"
        else ("discrete_laplace", scale / math.sqrt(2))
    )
    assert right.faults(draw(other, spread), ALPHA) != []
    assert {"CDF", "sign", "neighbours"} <= set(right.faults(np.abs(good), ALPHA))
    assert "neighbours" in right.faults(np.repeat(good[: KEYS // 2], 2), ALPHA)
    assert right.dependent(good, right, good, ALPHA)
    assert not right.dependent(good, right, draw(mechanism, scale), ALPHA)


def test_the_bound_on_a_cdf_is_the_published_one() -> None:
    """√(ln(2/0.05)/200) = 0.13581: the 95 % band of 100 draws."""
    assert dkw(100, 0.05) == pytest.approx(0.13581, abs=1e-5)
