"""What is found out about the machine, and that nothing runs below what is demanded."""

import os

import pytest

from carrel_worker.sandbox import Probe, Sandbox, Tier, TierTooLow, cgroups, probe, supervise
from carrel_worker.sandbox.channel import REPORT_BYTES, Channel, read_report
from carrel_worker.sandbox.probe import probe as find


def test_the_tier_is_found_once_and_says_what_it_lacks() -> None:
    found = probe()
    assert found is probe()
    assert found.tier is Tier.BUBBLEWRAP or found.why
    assert found.words().startswith(found.tier.word)


def test_a_tier_whose_empty_program_fails_is_not_reached() -> None:
    tried: list[Tier] = []

    def attempt(tier: Tier) -> str | None:
        tried.append(tier)
        return "no user namespaces"

    found = find(attempt)
    assert found.tier is Tier.NONE
    assert tried[0] is Tier.BUBBLEWRAP
    assert "no user namespaces" in found.why["bubblewrap"]
    assert find(lambda tier: None if tier is Tier.LANDLOCK else "no").tier <= Tier.LANDLOCK


@pytest.mark.parametrize("tier", [Tier.NONE, Tier.LANDLOCK])
def test_below_the_minimum_nothing_is_run(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    lower = Probe(tier, frozenset({"seccomp"}), {"bubblewrap": "bwrap is not installed"})
    monkeypatch.setattr(supervise, "found", lambda: lower)
    with pytest.raises(TierTooLow, match="bwrap is not installed"):
        Sandbox()
    # Even who demands nothing gets no code run with nothing around it.
    if tier is Tier.NONE:
        with pytest.raises(TierTooLow):
            Sandbox(minimum=Tier.NONE)


def test_tiers_are_named_as_in_the_settings() -> None:
    assert Tier.named("bubblewrap") is Tier.BUBBLEWRAP
    with pytest.raises(ValueError, match="one of bubblewrap"):
        Tier.named("docker")


def test_groups_of_a_worker_that_is_gone_are_collected() -> None:
    found = cgroups.places()
    if found is None:
        pytest.skip("no cgroup of memory and pids can be made by this user here")
    dead = found.memory / "carrel-sandbox-4000000-1-0"
    dead.mkdir()
    living = cgroups.Group(found, memory=2**28, tasks=8)
    cgroups.collect(found)
    assert not dead.exists()
    living.attach(os.getpid())  # it is still there
    (found.memory / "cgroup.procs").write_text(str(os.getpid()))
    (found.pids / "cgroup.procs").write_text(str(os.getpid()))
    living.remove()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"ending": "killed", "message": "", "traceback": "", "length": 0}',
        b'{"ending": "returned", "message": 1, "traceback": "", "length": 0}',
        b'{"ending": "returned", "message": "", "traceback": "", "length": -1}',
        b'{"ending": "returned", "message": "", "traceback": "", "length": true}',
        b'{"ending": "returned", "message": "", "traceback": "", "length": 1e999}',
        b'{"ending": ["returned"], "message": "", "traceback": "", "length": 1}',
        b"\xff\xfe",
    ],
)
def test_a_report_in_another_form_is_none(text: bytes) -> None:
    channel = Channel("report", REPORT_BYTES)
    try:
        os.pwrite(channel.descriptor, len(text).to_bytes(8, "little") + text, 0)
        assert read_report(channel) is None
        os.pwrite(channel.descriptor, (2**63).to_bytes(8, "little"), 0)
        assert read_report(channel) is None
    finally:
        channel.close()


def test_a_channel_can_neither_grow_nor_shrink_nor_be_unsealed() -> None:
    channel = Channel("result", 4096)
    try:
        for size in (0, 8192):
            with pytest.raises(PermissionError):
                os.ftruncate(channel.descriptor, size)
        with pytest.raises(PermissionError):
            os.pwrite(channel.descriptor, b"x" * 10, 4096)
        assert channel.read(10**9) == bytes(4096)
    finally:
        channel.close()
