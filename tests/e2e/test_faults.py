"""Many questions at once, and a site that is being killed meanwhile: nobody overspends, nothing
is answered or charged twice, and every question ends."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import httpx
import pytest

from carrel_site.audit.anchors import read_anchors
from carrel_site.audit.verify import verify
from tests.e2e import books
from tests.e2e.conftest import PAYS_FOR
from tests.e2e.crowd import Asked, Crowd
from tests.e2e.world import World
from tests.factories import Member
from tests.fixtures.services import DatabaseUrls

AT_ONCE = 500
WAVE_PAUSE_SECONDS = 10.0
_SETTLE_SECONDS = 120.0
"""A bound on waiting for the last question after the last fault, not a measurement."""


def _check_books(world: World, urls: DatabaseUrls, asker: Member, ended: list[Asked]) -> None:
    """One reservation, one settlement and at most one output for each question that ran."""
    ran = [asked for asked in ended if asked.run_id is not None]
    states = Counter(asked.outcome for asked in ran)
    runs = books.runs(urls.superuser_dsn, asker.id)
    assert {state: count for state, (count, _) in runs.items()} == dict(states)
    for state, (count, outputs) in runs.items():
        assert outputs == (count if state == "succeeded" else 0)
    account = books.account(urls.superuser_dsn, world.population, asker.id)
    assert account.entries["reserve"].count == account.entries["reserve"].runs == len(ran)
    # What was claimed stays charged, and nothing here was cancelled or expired before that.
    assert account.entries["settle"] == account.entries["reserve"]
    assert "refund" not in account.entries
    cost = account.entries["reserve"].costs
    assert account.spent == (cost[0] * len(ran), cost[1] * len(ran))
    assert account.reserved == (0, 0)
    assert account.deltas == (0, 0)


def _check_whole_ledger(world: World, urls: DatabaseUrls, ran: int) -> None:
    """Everyone's account together, and the audit log against ledger and answers."""
    together = books.account(urls.superuser_dsn, world.population, None)
    assert together.entries["settle"].count == ran
    cost = together.entries["settle"].costs
    assert together.spent == (cost[0] * ran, cost[1] * ran)
    assert together.reserved == (0, 0)
    anchors = list(read_anchors(world.site.settings.anchors_file))
    verified = world.site.db.transact(
        lambda session: verify(
            session, anchors, world.site.signer.public, site_key=world.site.settings.site_key
        )
    )
    assert verified.entries >= 2 * ran


@pytest.mark.timeout(600)
def test_an_account_pays_for_exactly_what_it_can(world: World, database_urls: DatabaseUrls) -> None:
    asker = world.researcher()
    crowd = Crowd(world.fleet.url, "tiny", asker.secret)
    asyncio.run(crowd.ask_all(AT_ONCE, AT_ONCE))
    outcomes = Counter(asked.outcome for asked in crowd.ended)
    assert outcomes == {"succeeded": PAYS_FOR, "budget_exceeded": AT_ONCE - PAYS_FOR}
    assert crowd.server_errors == []
    account = books.account(database_urls.superuser_dsn, world.population, asker.id)
    cost = account.entries["reserve"].costs
    assert any(
        limit - spent < price
        for limit, spent, price in zip(account.limits, account.spent, cost, strict=True)
    )
    _check_books(world, database_urls, asker, crowd.ended)
    _check_whole_ledger(world, database_urls, PAYS_FOR)


@dataclass
class Chaos:
    """Faults at random times until `seconds` have passed; what has ended is started again."""

    world: World
    seconds: float
    random: random.Random
    struck: list[tuple[str, float]] = field(default_factory=list)

    def rage(self) -> None:
        fleet = self.world.fleet
        faults = fleet.faults()
        stop = time.monotonic() + self.seconds
        due = time.monotonic() + 1.0
        while time.monotonic() < stop:
            if time.monotonic() >= due:
                name = self.random.choice(sorted(faults))
                faults[name]()
                self.struck.append((name, time.monotonic()))
                due = time.monotonic() + self.random.uniform(0.5, 6.0)
            time.sleep(0.2)
            fleet.revive()

    def calm(self, over: Callable[[], bool]) -> None:
        """Keep the site whole until `over`."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while not over() and time.monotonic() < deadline:
            self.world.fleet.revive()
            time.sleep(0.1)


@dataclass
class Askers:
    """In a thread of their own: waves of 500 questions of somebody who can pay for 37, and beside
    them people who ask the 37 they can pay for a few at a time."""

    world: World
    crowds: list[tuple[Member, Crowd, int]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    waves: list[tuple[float, float]] = field(default_factory=list)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run)
        thread.start()
        return thread

    @property
    def ended(self) -> list[Asked]:
        return [asked for _, crowd, _ in self.crowds for asked in crowd.ended]

    def _run(self) -> None:
        try:
            asyncio.run(self._ask())
        except BaseException as error:
            self.errors.append(error)
            raise

    async def _ask(self) -> None:
        await asyncio.gather(
            self._again_and_again(AT_ONCE, at_once=AT_ONCE, pause=WAVE_PAUSE_SECONDS),
            self._again_and_again(PAYS_FOR, at_once=4, pause=0),
        )

    async def _again_and_again(self, questions: int, *, at_once: int, pause: float) -> None:
        while not self.over.is_set():
            asker = self.world.researcher()
            crowd = Crowd(self.world.fleet.url, "tiny", asker.secret)
            self.crowds.append((asker, crowd, questions))
            began = time.monotonic()
            await crowd.ask_all(questions, at_once)
            if at_once == AT_ONCE:
                self.waves.append((began, time.monotonic()))
            await asyncio.to_thread(self.over.wait, pause)


def _survive(world: World, urls: DatabaseUrls, seconds: float) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"\nfaults of seed {seed}")
    chaos, askers = Chaos(world, seconds, random.Random(seed)), Askers(world)
    asking = askers.start()
    chaos.rage()
    askers.over.set()
    calm_since = time.monotonic()
    chaos.calm(lambda: not asking.is_alive())
    settled = time.monotonic() - calm_since
    assert not asking.is_alive(), world.fleet.tail()
    assert not askers.errors, askers.errors
    _report(chaos, askers, settled)
    claims = Counter[int]()
    for asker, _, _ in askers.crowds:
        claims += books.epochs(urls.superuser_dsn, asker.id)
    print(f"runs by how often they were claimed: {dict(claims)}")
    for asker, crowd, questions in askers.crowds:
        assert len(crowd.ended) == questions
        assert crowd.server_errors == []
        ran = [asked for asked in crowd.ended if asked.run_id is not None]
        assert {asked.outcome for asked in ran} <= {"succeeded", "failed"}
        if not any(asked.outcome == "kind_paused" for asked in crowd.ended):
            assert len(ran) == PAYS_FOR
        _check_books(world, urls, asker, crowd.ended)
    _check_answers(world, askers)
    _check_whole_ledger(world, urls, sum(asked.run_id is not None for asked in askers.ended))


def _check_answers(world: World, askers: Askers) -> None:
    """An answer that was given once stays: it reads the same now as when it came."""
    for asker, crowd, _ in askers.crowds:
        with httpx.Client(
            base_url=f"{world.fleet.url}/api/v1", headers=asker.headers, timeout=30, trust_env=False
        ) as http:
            for asked in crowd.ended:
                if asked.run_id is not None:
                    run = http.get(f"/runs/{asked.run_id}").raise_for_status().json()
                    assert (run["state"], run["answer"]) == (asked.outcome, asked.answer)


def _recovery(chaos: Chaos, askers: Askers) -> dict[str, list[float]]:
    """Seconds from each fault to the next answer, by kind of fault and by what else went on."""
    answers = sorted(asked.at for asked in askers.ended if asked.outcome == "succeeded")
    found: dict[str, list[float]] = {}
    for name, at in chaos.struck:
        after = next((answer for answer in answers if answer >= at), None)
        if after is not None:
            wave = any(began <= at <= ended for began, ended in askers.waves)
            kind = name.replace("-0", "").replace("-1", "")
            found.setdefault(kind + (f" while {AT_ONCE} ask" if wave else ""), []).append(
                after - at
            )
    return found


def _report(chaos: Chaos, askers: Askers, settled: float) -> None:
    ended = askers.ended
    retried = sum(crowd.retried for _, crowd, _ in askers.crowds)
    print(f"{len(chaos.struck)} faults, {len(askers.crowds)} askers, {retried} requests sent again")
    print(f"{len(ended)} questions ended: {dict(Counter(asked.outcome for asked in ended))}")
    for kind, times in sorted(_recovery(chaos, askers).items()):
        print(
            f"next answer after {kind}: median {median(times):.2f} s, longest {max(times):.2f} s "
            f"({len(times)})"
        )
    answered = [asked.took for asked in ended if asked.outcome == "succeeded"]
    print(f"an answer took {median(answered):.2f} s (median), at most {max(answered):.2f} s")
    print(f"every question final {settled:.1f} s after the last fault")


@pytest.mark.timeout(600)
def test_a_minute_of_faults_costs_nobody_anything(
    world: World, database_urls: DatabaseUrls
) -> None:
    _survive(world, database_urls, 60.0)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_many_minutes_of_faults_cost_nobody_anything(
    world: World, database_urls: DatabaseUrls
) -> None:
    _survive(world, database_urls, 900.0)
