"""A GPU is passed only when granted, and then one: with devices that stand for a card's.

No card is needed: what the devices are is the same to the composition, and that nothing works
with them is what the last tests are about.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carrel_worker.sandbox import GpuUnavailable, Sandbox, SandboxError, Tier, bubblewrap, gpu
from carrel_worker.settings import WorkerSettings
from tests.security import suite
from tests.worker.packages import here
from tests.worker.sandbox.programs import function, values

LOOK = """
def work():
    import os, stat
    from pathlib import Path
    usual = {"null", "zero", "full", "random", "urandom", "tty", "shm", "pts", "ptmx", "console",
             "core", "fd", "stdin", "stdout", "stderr"}
    there = sorted(set(os.listdir("/dev")) - usual)
    memory = None
    try:
        memory = os.memfd_create("x") > 0
    except OSError:
        pass
    def writable(path):
        try:
            Path(path, "new").touch()
            return True
        except OSError:
            return False
    return {
        "devices": there,
        "characters": [stat.S_ISCHR(os.stat("/dev/" + name).st_mode) for name in there],
        "memory": memory,
        "processes": [name for name in os.listdir("/proc") if name.isdecimal()]
                     if os.path.isdir("/proc") else None,
        "sys": os.path.isdir("/sys/class"),
        "written": [place for place in ("/dev", "/sys", "/proc", "/") if writable(place)],
    }
"""
CARDS = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia0", "nvidia1", "nvidia-modeset")
BOUND = ["nvidia-uvm", "nvidia-uvm-tools", "nvidia0", "nvidiactl"]


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A /dev of two cards, all of it /dev/null."""
    made = Path(tempfile.mkdtemp(prefix="carrel-devices-"))
    made.chmod(0o755)
    for name in CARDS:
        try:
            os.mknod(made / name, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            (made / name).chmod(0o666)
        except PermissionError:
            (made / name).symlink_to("/dev/null")
    monkeypatch.setattr(gpu, "DEVICES", made)
    monkeypatch.setattr(gpu, "_tried", {})
    yield made
    shutil.rmtree(made)


def _sandbox(**options: object) -> Sandbox:
    try:
        made = Sandbox(gpu=0, **options)  # type: ignore[arg-type]
    except SandboxError as error:
        pytest.skip(str(error))
    return made


@pytest.fixture
def grouped(devices: Path) -> Iterator[Sandbox]:
    """One that may be given the card, as if it had been tried and works."""
    with _sandbox() as made:
        if "cgroup" not in made.words():
            pytest.skip("no cgroup of memory and pids can be made by this user here")
        gpu._tried[gpu.nodes(0)] = ""
        yield made


def test_it_gets_the_card_that_was_granted_and_nothing_of_another(grouped: Sandbox) -> None:
    outcome = grouped.run(replace(function(LOOK), gpu=True))
    assert values(outcome)["result"] == {
        "devices": BOUND,
        "characters": [True] * 4,
        "memory": True,
        "processes": ["1"],
        "sys": True,
        "written": [],
    }
    assert outcome.tier.endswith("+gpu")
    assert not outcome.warm


@pytest.mark.parametrize("warm", [0, 1])
def test_who_does_not_ask_gets_nothing_of_a_card_that_was_granted(devices: Path, warm: int) -> None:
    with _sandbox(warm=warm) as sandbox:
        sandbox.warm_up(here())
        outcome = sandbox.run(function(LOOK))
    assert values(outcome)["result"] == {
        "devices": [],
        "characters": [],
        "memory": None,
        "processes": None,
        "sys": False,
        "written": [],
    }
    assert "gpu" not in outcome.tier


def test_the_composition_names_the_devices_one_by_one() -> None:
    binds = bubblewrap.Binds()
    try:
        with_card, without = (
            bubblewrap.once(here(), 2**20, binds, 9, card)
            for card in (("nvidia7", "nvidiactl"), ())
        )
    finally:
        binds.close()
    assert not [word for word in without if "nvidia" in word or "dev-bind" in word]
    assert not {"/sys", "--proc"} & set(without)
    assert [word for word in with_card if word.startswith("/dev/nvidia")] == [
        *("/dev/nvidia7", "/dev/nvidia7", "/dev/nvidiactl", "/dev/nvidiactl")
    ]
    place = with_card.index("--dev-bind")
    assert with_card.index("--dev") < place < with_card.index("--remount-ro")
    assert with_card[with_card.index("/sys") - 1] == "--ro-bind"


def test_without_a_grant_nothing_is_run_that_asks(devices: Path) -> None:
    try:
        sandbox = Sandbox()
    except SandboxError as error:
        pytest.skip(str(error))
    with sandbox, pytest.raises(GpuUnavailable, match="none was granted"):
        sandbox.run(replace(function("def work(): return 1"), gpu=True))


def test_without_a_control_group_nothing_is_run_that_asks(devices: Path) -> None:
    with _sandbox(cgroup=False) as sandbox, pytest.raises(GpuUnavailable, match="control group"):
        sandbox.run(replace(function("def work(): return 1"), gpu=True))


def test_the_weaker_tier_holds_none(devices: Path) -> None:
    with (
        _sandbox(minimum=Tier.LANDLOCK, tier=Tier.LANDLOCK) as sandbox,
        pytest.raises(GpuUnavailable, match="landlock"),
    ):
        sandbox.run(replace(function("def work(): return 1"), gpu=True))


def test_a_machine_without_the_card_says_so_plainly(devices: Path) -> None:
    (devices / "nvidia0").unlink()
    (devices / "nvidia0").touch()  # a file is no device
    with _sandbox() as sandbox:
        why = sandbox.gpu_works()
        if "control group" in why:
            pytest.skip(why)
        assert "there is no GPU 0 on this machine" in why
        assert "nvidia0" in why
        with pytest.raises(GpuUnavailable, match="no GPU 0"):
            sandbox.run(replace(function("def work(): return 1"), gpu=True))
        # And who does not ask is run as ever.
        assert values(sandbox.run(function("def work(): return 1"))) == {"result": 1}


def test_devices_with_which_cuda_does_not_work_are_not_passed(devices: Path) -> None:
    with _sandbox() as sandbox:
        why = sandbox.gpu_works()
        if "control group" in why:
            pytest.skip(why)
        assert "driver's library is not there" in why or "cuInit answers" in why
        assert sandbox.gpu_works() == why  # found out once
        with pytest.raises(GpuUnavailable):
            sandbox.run(replace(function("def work(): return 1"), gpu=True))


@pytest.mark.parametrize(
    ("answer", "words"),
    [("return ''", ""), ("return 'cuInit answers 100'", "answers 100"),
     ("raise ValueError", "raised"), ("import os; os._exit(3)", "exited")],
)  # fmt: skip
def test_how_trying_it_ends_is_what_is_said(
    devices: Path, answer: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "TRY", f"def work():\n    {answer}\n")
    with _sandbox() as sandbox:
        why = sandbox.gpu_works()
    if "control group" in why:
        pytest.skip(why)
    assert words in why
    assert bool(why) is bool(words)


@pytest.mark.parametrize(
    ("said", "index"), [(None, None), ("", None), ("0", 0), ("3", 3), ("-1", "bad"), ("all", "bad")]
)
def test_the_owner_grants_it_by_number(
    said: str | None, index: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv("CARREL_WORKER_SANDBOX_GPU", said)
    if index == "bad":
        with pytest.raises(ValueError, match="sandbox_gpu"):
            WorkerSettings()
    else:
        assert WorkerSettings().sandbox_gpu == index


# What a card changes, and what it does not

CHANGED = {"memfd", "shared_dontneed", "devices", "proc", "host_dirs", "raise_limits"}
"""Attacks that get what a GPU takes: memory that is not mapped and addresses without a limit (the
group bounds both), devices, the sandbox's own /proc, and /sys."""
OF_A_MODE = suite.Mode(Tier.BUBBLEWRAP, gpu=True)


@pytest.mark.parametrize("name", sorted(set(suite.NAMES) - CHANGED))
def test_an_attack_beside_a_card_wins_no_more(grouped: Sandbox, name: str) -> None:
    with suite.world() as outside:
        result = suite.attack(name, grouped, here(), OF_A_MODE, outside)
    assert result.held, (result.tier, result.won, result.detail)
    assert "gpu" in result.tier


def test_memory_that_is_not_mapped_is_bounded_by_the_group(grouped: Sandbox) -> None:
    text = """
def work():
    import os
    held = [os.memfd_create(str(n)) for n in range(8)]
    for each in held:
        for _ in range(64):
            os.write(each, bytes(2**24))
    return sum(os.fstat(each).st_size for each in held)
"""
    outcome = grouped.run(replace(function(text), gpu=True))
    assert outcome.ending in ("memory", "raised", "killed"), outcome


def test_processes_of_the_host_are_not_in_its_proc(grouped: Sandbox) -> None:
    text = """
def work():
    import os
    found = []
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/self/oom_score_adj",
                 "/sys/kernel/uevent_helper", "/proc/sys/kernel/hostname"):
        try:
            with open(path, "w") as file:
                file.write("-17")
            found.append(path)
        except OSError:
            continue
    for name in ("environ", "maps", "root", "cwd"):
        try:
            os.readlink("/proc/2/" + name)
            found.append(name)
        except OSError:
            continue
    return found + sorted(os.environ.keys() & {"CARREL_ATTACK_VARIABLE"})
"""
    assert values(grouped.run(replace(function(text), gpu=True))) == {"result": []}
