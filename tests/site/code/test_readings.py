"""Reading programs for reviewers: how many at once, whose turn it is, and what is remembered."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from carrel_protocol.api.code import CodeFinding
from carrel_site.code import analysis, readings
from carrel_site.code.readings import Findings, Readings, ReadingsBusy
from tests.embedded.procs import eventually
from tests.site.code.code_site import SOURCE, CodeSite


def finding(rule: str = "file") -> CodeFinding:
    return CodeFinding(
        source="carrel", rule=rule, path="work.py", line=1, column=1, message="", level="alarm"
    )


FOUND = (finding(),)


class Reader:
    """Readings that last until they are let go; which have begun, and how many were at once."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._go = threading.Event()

    def reading(self, name: str, found: Findings = FOUND) -> Callable[[], Findings]:
        def read() -> Findings:
            with self._lock:
                self.begun.append(name)
                self._now += 1
                self.most = max(self.most, self._now)
            assert self._go.wait(60)
            with self._lock:
                self._now -= 1
            return found

        return read

    def let_go(self) -> None:
        self._go.set()

    async def begins(self, *names: str) -> None:
        begun = lambda: self.begun[: len(names)] == list(names)  # noqa: E731
        assert await asyncio.to_thread(eventually, begun)


@pytest.fixture
def reader() -> Reader:
    return Reader()


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work, 120)

    asyncio.run(bounded())


def test_few_are_read_at_once_and_each_is_read_once(reader: Reader) -> None:
    async def work() -> None:
        some = Readings(at_once=2, turn_seconds=60)
        asked = [
            asyncio.create_task(some.once(f"p{n % 6}", reader.reading(f"p{n % 6}"), f"who{n}"))
            for n in range(24)
        ]
        await reader.begins("p0", "p1")
        reader.let_go()
        assert await asyncio.gather(*asked) == [FOUND] * 24
        assert sorted(reader.begun) == [f"p{n}" for n in range(6)]
        assert reader.most == 2
        # And not again: what was found is remembered.
        assert await some.once("p0", reader.reading("again"), "who") == FOUND
        assert "again" not in reader.begun

    run(work())


def test_a_reading_that_gave_up_is_not_remembered(reader: Reader) -> None:
    async def work() -> None:
        reader.let_go()
        some, gave_up = Readings(), (finding(), finding(analysis.GAVE_UP))
        assert await some.once("p", reader.reading("first", gave_up), "who") == gave_up
        assert await some.once("p", reader.reading("second"), "who") == FOUND
        assert await some.once("p", reader.reading("third"), "who") == FOUND
        assert reader.begun == ["first", "second"]

    run(work())


def test_a_reading_that_failed_is_told_to_all_who_wait_and_not_remembered(reader: Reader) -> None:
    async def work() -> None:
        def fail() -> Findings:
            raise OSError("no more processes")

        some = Readings()
        asked = [some.once("p", fail, f"who{n}") for n in range(3)]
        failed = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(each) for each in failed} == {OSError}
        reader.let_go()
        assert await some.once("p", reader.reading("p"), "who") == FOUND

    run(work())


def test_one_persons_many_programs_hold_up_nobody_else(reader: Reader) -> None:
    async def work() -> None:
        some = Readings(turn_seconds=60)
        flood = [
            asyncio.create_task(some.once(f"f{n}", reader.reading(f"f{n}"), "mallory"))
            for n in range(20)
        ]
        await reader.begins("f0")
        mine = asyncio.create_task(some.once("mine", reader.reading("mine"), "reviewer"))
        await asyncio.sleep(0)
        reader.let_go()
        await asyncio.gather(*flood, mine)
        assert reader.begun[:2] == ["f0", "mine"]

    run(work())


def test_who_waits_for_long_is_told_to_come_back(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "MOST_WAITING", 2)

    async def work() -> None:
        some = Readings(turn_seconds=0.05)
        first = asyncio.create_task(some.once("first", reader.reading("first"), "a"))
        await reader.begins("first")
        second = asyncio.create_task(some.once("second", reader.reading("second"), "b"))
        await asyncio.sleep(0)
        with pytest.raises(ReadingsBusy) as full:  # however long it would wait
            await some.once("third", reader.reading("third"), "c")
        assert full.value.headers["Retry-After"] == "10"
        with pytest.raises(ReadingsBusy):
            await second
        reader.let_go()
        assert await first == FOUND  # what has begun is waited for
        assert await some.once("second", reader.reading("second"), "b") == FOUND
        assert reader.begun == ["first", "second"]

    run(work())


def test_whoever_goes_away_takes_the_reading_from_nobody(reader: Reader) -> None:
    async def work() -> None:
        some = Readings()
        gone = asyncio.create_task(some.once("p", reader.reading("p"), "a"))
        await reader.begins("p")
        stays = asyncio.create_task(some.once("p", reader.reading("again"), "b"))
        await asyncio.sleep(0)
        gone.cancel()
        reader.let_go()
        assert await stays == FOUND
        assert reader.begun == ["p"]

    run(work())


# Through the site


def shown(code: CodeSite, request: Any) -> httpx.Response:
    return code.call(code.app.reviewer, "GET", f"/requests/{request['id']}/code_review")


def rules(reply: httpx.Response) -> set[str]:
    return {finding["rule"] for finding in reply.raise_for_status().json()["findings"]}


READS_A_FILE = SOURCE + "open('/etc/passwd')\n"


def test_a_reviewer_sees_what_a_busy_machine_did_not_find_before(
    code: CodeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = code.asked(files=[{"path": "analysis.py", "text": READS_A_FILE}])
    with monkeypatch.context() as busy:
        busy.setattr(analysis.run, "WALL_SECONDS", 0.0)
        assert rules(shown(code, request)) == {analysis.GAVE_UP}
    assert "file" in rules(shown(code, request))


def test_one_more_is_refused_and_the_site_answers_all_else(
    code: CodeSite, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    code.app.app.state.readings = Readings(turn_seconds=0.05)
    first, second = (
        code.asked(files=[{"path": "analysis.py", "text": f"{SOURCE}# {n}\n"}]) for n in range(2)
    )
    monkeypatch.setattr(readings, "analyse", lambda *_, **__: reader.reading("one")())
    with ThreadPoolExecutor(10) as threads:
        waiting = [threads.submit(shown, code, first) for _ in range(9)]
        assert eventually(lambda: reader.begun == ["one"])
        refused = shown(code, second)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["Retry-After"] == "10"
        # More wait for the one that is read than there are threads to answer with.
        assert code.ok(code.app.reviewer, "GET", "/requests")["items"]
        reader.let_go()
        assert {reply.result().status_code for reply in waiting} == {200}
    assert reader.begun == ["one"]


def test_what_was_edited_meanwhile_is_not_shown_with_the_findings_of_another(
    code: CodeSite, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = code.asked()
    monkeypatch.setattr(readings, "analyse", lambda *_, **__: reader.reading("one")())
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(shown, code, request)
        assert eventually(lambda: reader.begun == ["one"])
        change = {"files": [{"path": "analysis.py", "text": READS_A_FILE}]}
        code.ok(
            code.app.researcher,
            "PATCH",
            f"/code_requests/{request['id']}",
            json=change,
            headers={"If-Match": request["etag"]},
        )
        reader.let_go()
        assert waiting.result().json()["code"] == "content_changed"


def test_who_lost_their_key_meanwhile_is_shown_nothing(
    code: CodeSite, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = code.asked()
    monkeypatch.setattr(readings, "analyse", lambda *_, **__: reader.reading("one")())
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(shown, code, request)
        assert eventually(lambda: reader.begun == ["one"])
        code.execute(
            "UPDATE api_keys SET revoked_at = now() WHERE user_id = :who", who=code.app.reviewer.id
        )
        reader.let_go()
        assert waiting.result().status_code == httpx.codes.UNAUTHORIZED
