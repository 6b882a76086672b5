"""What this machine offers to hold code with. Found out by trying, once per worker."""

import functools
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from carrel_worker.sandbox import bubblewrap, cgroups, drop, landlock, syscalls


class Tier(IntEnum):
    """How strongly code is held; each is enough for what the ones below it are enough for."""

    NONE = 0
    LANDLOCK = 1
    BUBBLEWRAP = 2

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def named(cls, word: str) -> "Tier":
        """Raises `ValueError`."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"no tier '{word}': one of bubblewrap, landlock, none") from None


@dataclass(frozen=True)
class Probe:
    tier: Tier
    features: frozenset[str]
    """seccomp, cgroup, bind-fd, uid (the worker is root and drops to another user)."""
    why: dict[str, str] = field(default_factory=dict)
    """What is missing, and how it is mended."""

    def words(self) -> str:
        return words(self.tier, self.features)


def words(tier: Tier, features: frozenset[str]) -> str:
    """As recorded with each run: 'bubblewrap+seccomp+cgroup'."""
    shown = [each for each in ("seccomp", "cgroup", "gpu") if each in features]
    return "+".join([tier.word, *shown])


def probe(attempt: Callable[[Tier], str | None]) -> Probe:
    """The highest tier that works. `attempt` runs an empty program in a tier: None, or what fails.

    The composition is tried as it is used: a bwrap that starts may still refuse one option of it.
    """
    features, why = set(_features()), {}
    if platform.machine() not in syscalls.NUMBERS:
        return Probe(Tier.NONE, frozenset(), {"seccomp": f"no filter for {platform.machine()}"})
    if bubblewrap.program() is None:
        why["bubblewrap"] = "bwrap is not installed (apt-get install bubblewrap)"
    elif (failure := attempt(Tier.BUBBLEWRAP)) is None:
        return Probe(Tier.BUBBLEWRAP, frozenset(features), why)
    else:
        why["bubblewrap"] = f"{failure}{_namespaces()}"
    if (version := landlock.abi()) < 3:
        why["landlock"] = f"version {version}; 3 is needed (Linux 6.2, and landlock in lsm=)"
    elif (failure := attempt(Tier.LANDLOCK)) is None:
        return Probe(Tier.LANDLOCK, frozenset(features), why)
    else:
        why["landlock"] = failure
    return Probe(Tier.NONE, frozenset(), why)


def _features() -> set[str]:
    found = {"seccomp"}
    if cgroups.places() is not None:
        found.add("cgroup")
    if bubblewrap.binds_by_descriptor():
        found.add("bind-fd")
    if drop.identity() is not None:
        found.add("uid")
    return found


@functools.cache
def _namespaces() -> str:
    """Why user namespaces may be refused, and what mends it."""
    for name, bad, advice in (
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "AppArmor keeps user namespaces from bwrap: give bwrap a profile with 'userns,'",
        ),
        (
            "kernel/unprivileged_userns_clone",
            "0",
            "user namespaces are off: sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            "user/max_user_namespaces",
            "0",
            "user namespaces are off: sysctl -w user.max_user_namespaces=10000",
        ),
    ):
        try:
            if Path("/proc/sys", name).read_text().strip() == bad:
                return f" ({advice})"
        except OSError:
            continue
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return (
            " (in a container: it takes a user other than root, cap_drop ALL and the seccomp "
            "profile of the documentation)"
        )
    return ""
