"""Functions that do something else on one person's block, in real sandboxes, with and without them.

Everything is drawn alike for the two datasets but for that person. What is looked at is all that
noise is added to or a median is chosen from, and all that the schedule shows: so nothing here is
left to chance. That the noise then hides a difference of one range, or of one value, is tested in
`test_sums` and `test_medians`, with their false-alarm rates.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.median import Choice
from carrel_worker.black_box_job import NotRunnable, _rehearse, _runner
from carrel_worker.executors.black_box.execute import block_points
from carrel_worker.executors.black_box.medians import scores
from carrel_worker.executors.black_box.schedule import Schedule
from carrel_worker.sandbox import EnvironmentDir, Outcome, Sandbox, SandboxError, Tier, probe
from tests.worker.black_box.made import Clock, content, stored
from tests.worker.packages import here

BLOCKS = 2
VICTIM = 99
"""The age that one person alone has."""
PEOPLE = [[20 + person] for person in range(30)]
DRAWN = np.arange(31, dtype=np.uint64)
"""Person n is in block n mod 2; the victim, the 31st, in block 0."""
WALL = 25.0
"""Far more than importing pandas takes on a busy machine; one of the functions sleeps it off."""
CPU = 8.0
MISDEEDS = {
    "sleeps": "import time; time.sleep(3600)",
    "spins": "while True: pass",
    "raises": "raise ValueError(df.to_string())",
    "exits": "raise SystemExit(0)",
    "ends itself": "import os; os._exit(0)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "returns NaN": "return [float('nan'), 1.0]",
    "returns too many": "return [1.0, 2.0, 3.0]",
    "returns text": "return df.to_string()",
    "returns a table": "return df",
    "returns too much": "return [1.0] * 10_000_000",
    "takes all memory": "x = [bytearray(2**24) for _ in range(4096)]",
    "forks": "import os\n    while True: os.fork()",
    "floods": "print('x' * 50_000_000); raise ValueError",
    "returns its best": "return [1e300, -1e300]",
}


@pytest.fixture(autouse=True, scope="module")
def held() -> None:
    """These run in the tier that this machine has; without bubblewrap there is none."""
    if (found := probe()).tier < Tier.BUBBLEWRAP:
        words = f"bubblewrap does not work here: {found.why}; apt-get install bubblewrap"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)


def function(misdeed: str) -> str:
    return (
        "def work(df):\n"
        f"    if (df['age'] == {VICTIM}).any():\n"
        f"        {misdeed.replace(chr(10) + '    ', chr(10) + '        ')}\n"
        "    return [df['age'].mean(), len(df)]\n"
    )


class Run:
    """All of a run that anybody could see, before noise."""

    def __init__(
        self, asked: BlackBoxContent, people: list[list[int]], directory: Path, monkey: Any
    ) -> None:
        directory.mkdir()
        directory.chmod(0o711)
        table = stored(directory / "table", people)
        drawn = DRAWN[: len(people)]
        monkey.setattr("carrel_worker.black_box_job.os_draws", lambda _units: drawn)
        clock = Clock()
        inner = _runner(
            Sandbox(minimum=Tier.BUBBLEWRAP),
            here(),
            asked,
            table,
            directory,
            lambda: False,
        )
        self.outcomes: list[Outcome] = []
        self.began: list[float] = []

        def run(number: int) -> Outcome:
            self.began.append(clock.now)
            outcome = inner(number)
            # However long it took by this machine's clock: no block outlives its limit by much.
            clock.now += min(outcome.wall_ms / 1000, asked.slot_seconds() - 0.01)
            self.outcomes.append(outcome)
            return outcome

        schedule = Schedule(clock.now + 1, asked.slot_seconds(), clock.read, clock.sleep)
        self.points = block_points(asked, run, schedule)
        self.sums = [sum(points) for points in self.points]
        self.ended = clock.now


@pytest.fixture(scope="module")
def innocent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The neighbour: all but the victim, on whom every one of the functions does the same."""
    with pytest.MonkeyPatch.context() as monkey:
        place = tmp_path_factory.mktemp("innocent")
        place.chmod(0o711)
        asked = content(function("pass"), blocks=BLOCKS, wall_seconds=WALL, cpu_seconds=CPU)
        return Run(asked, PEOPLE, place / "run", monkey)


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_one_persons_block_cannot_show_more_than_its_range(
    misdeed: str, innocent: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = content(function(MISDEEDS[misdeed]), blocks=BLOCKS, wall_seconds=WALL, cpu_seconds=CPU)
    tmp_path.chmod(0o711)
    found = Run(asked, [*PEOPLE, [VICTIM]], tmp_path / "run", monkeypatch)
    steps = asked.output.steps
    assert [outcome.ending for outcome in innocent.outcomes] == ["returned"] * BLOCKS
    # The block without the victim did just what it did before.
    assert [outcome.payload for outcome in found.outcomes[1:]] == [
        outcome.payload for outcome in innocent.outcomes[1:]
    ]
    # The victim's block counts as the middle, or as what it returned, and nothing else moved.
    other = [person[0] for person in PEOPLE[1::2]]
    elsewhere = [asked.output.grid(n, 0) for n in (sum(other) / len(other), len(other))]
    moved = [a - b for a, b in zip(found.sums, elsewhere, strict=True)]
    assert moved == ([steps, 0] if misdeed == "returns its best" else [steps // 2] * 2)
    assert all(abs(a - b) <= steps for a, b in zip(found.sums, innocent.sums, strict=True))
    # A median's scores, of all the grid's points, move by one, and by two from each other.
    choice = Choice(candidates=steps + 1)
    for one, other_one in zip(found.points, innocent.points, strict=True):
        assert one[1:] == other_one[1:]  # one point is substituted
        shift = scores(one, steps) - scores(other_one, steps)
        assert np.abs(shift).max() <= choice.sensitivity
        assert shift.max() - shift.min() <= choice.range
    # And the times are the same to the last bit.
    assert found.began == innocent.began
    assert found.ended == innocent.ended


def test_a_block_knows_no_number_of_its_people_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Person 0 leaves: the others' numbers among all would shift, and with them every block."""
    text = "def work(df):\n    return [df['person'].max(), df['person'].min()]\n"
    asked = content(text, blocks=BLOCKS, wall_seconds=WALL, cpu_seconds=CPU)
    tmp_path.chmod(0o711)
    found = Run(asked, PEOPLE, tmp_path / "run", monkeypatch)
    assert found.sums == [BLOCKS * asked.output.grid(14, 0), 0]


def test_blocks_leave_nothing_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block looks for what an earlier one wrote wherever code may write."""
    text = (
        "import os\n"
        "def work(df):\n"
        "    found = 0\n"
        "    for place in ('/tmp', '/dev/shm', '/data', '/data/df', '.'):\n"
        "        found += os.path.exists(place + '/left')\n"
        "        try:\n"
        "            open(place + '/left', 'w').close()\n"
        "        except OSError:\n"
        "            pass\n"
        "    return [100.0 * (found > 1), 0.0]\n"
    )
    asked = content(text, blocks=BLOCKS, wall_seconds=WALL, cpu_seconds=CPU)
    tmp_path.chmod(0o711)
    found = Run(asked, PEOPLE, tmp_path / "run", monkeypatch)
    assert found.sums == [0, 0]


def test_a_sandbox_that_runs_nothing_is_found_out_before_any_data() -> None:
    asked = content()
    real = here()
    _rehearse(Sandbox(minimum=Tier.BUBBLEWRAP), real, asked)
    broken = EnvironmentDir(real.name, Path("/bin/false"), real.packages)
    with pytest.raises((NotRunnable, SandboxError)):
        _rehearse(Sandbox(minimum=Tier.BUBBLEWRAP), broken, asked)
