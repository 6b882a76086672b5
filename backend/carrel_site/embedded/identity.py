"""Who PostgreSQL runs as. It refuses root, so as root it runs as somebody else.

- An ordinary user: as that user.
- Root, where user namespaces are allowed: as root's own kernel uid seen under another number
  from inside a namespace, without capabilities. No system user, no change of owner.
- Root, where they are refused (most containers): as a uid that nobody else has.
"""

import json
import os
import pwd
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from carrel_site.embedded import shim

DEDICATED_UIDS = range(61184, 65519)
"""Free on Debian and Ubuntu for local use (systemd.io/UIDS-GIDS), looked through for a free one."""


class NoIdentity(RuntimeError):
    """There is nobody PostgreSQL could run as."""


def shim_command(options: dict[str, Any]) -> list[str]:
    """The start of a command line that runs a program through shim.py."""
    return [sys.executable, "-I", "-S", "-B", shim.__file__, json.dumps(options)]


@dataclass(frozen=True)
class Identity:
    """How a child changes who it is, and whom the kernel then checks files against."""

    kernel_uid: int
    kernel_gid: int
    user_namespace: tuple[int, int] | None = None
    drop_to: tuple[int, int] | None = None

    @classmethod
    def myself(cls) -> "Identity":
        return cls(os.geteuid(), os.getegid())

    def shim_options(self) -> dict[str, Any]:
        return {"user_namespace": self.user_namespace, "drop_to": self.drop_to}

    def can_reach(self, path: Path) -> bool:
        """Whether every directory down to `path` lets this identity through (by mode bits)."""
        groups = {self.kernel_gid} if self.drop_to else {self.kernel_gid, *os.getgroups()}
        for directory in (path, *path.parents):
            try:
                status = directory.stat()
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode) and not _may_search(status, self.kernel_uid, groups):
                return False
        return True

    def own(self, path: Path) -> None:
        """Give `path` to this identity, where it is not ours already."""
        if self.drop_to:
            os.chown(path, self.kernel_uid, self.kernel_gid)


def _may_search(status: os.stat_result, uid: int, groups: set[int]) -> bool:
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in groups:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def server_identity(data: Path, *, namespaces: bool | None = None) -> Identity:
    """Who PostgreSQL runs as on the data directory `data`, which may not exist yet.

    A directory keeps the identity that it was made with. `namespaces` None asks the kernel.
    """
    if os.geteuid() != 0:
        return _ordinary_identity()
    owner = data.stat().st_uid if data.is_dir() else None
    if owner not in (None, 0):
        return Identity(owner, owner, drop_to=(owner, owner))
    if namespaces is None:
        namespaces = user_namespaces_allowed()
    if namespaces:
        return Identity(0, os.getegid(), user_namespace=_named_account())
    if owner == 0:
        raise NoIdentity(
            f"{data} was made where user namespaces were allowed to root; they are refused here. "
            "Start the site where it was made, as an ordinary user, or in a new data directory"
        )
    uid = _free_uid()
    return Identity(uid, uid, drop_to=(uid, uid))


def _ordinary_identity() -> Identity:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        # A container started under a number without a name: initdb wants one.
        if user_namespaces_allowed():
            return Identity(os.geteuid(), os.getegid(), user_namespace=_named_account())
        raise NoIdentity(
            f"uid {os.geteuid()} has no name in /etc/passwd, which initdb needs, and user "
            "namespaces are refused; run as a user that has one"
        ) from None
    return Identity.myself()


def initdb_identity(server: Identity) -> Identity:
    """As `server`, but with a name: initdb (alone) looks its user up in /etc/passwd."""
    if server.drop_to is None:
        return server
    uid, gid = _named_account()
    return Identity(uid, gid, drop_to=(uid, gid))


def _named_account() -> tuple[int, int]:
    """(uid, gid) of the first account that is not root's: `daemon` on Debian and Ubuntu."""
    named = [entry for entry in pwd.getpwall() if entry.pw_uid > 0]
    if not named:
        raise NoIdentity("/etc/passwd names nobody but root; add a user, e.g.: useradd carrel")
    first = min(named, key=lambda entry: entry.pw_uid)
    return first.pw_uid, first.pw_gid


def _free_uid() -> int:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    free = next((uid for uid in DEDICATED_UIDS if uid not in taken), None)
    if free is None:
        raise NoIdentity("no free uid is left for PostgreSQL; start the site as an ordinary user")
    return free


@lru_cache(maxsize=1)
def user_namespaces_allowed() -> bool:
    """Try it: kernels, containers and AppArmor each have their own way to refuse."""
    options = {
        "parent": os.getpid(),
        "death_signal": signal.SIGKILL,
        "user_namespace": _named_account(),
    }
    command = [*shim_command(options), "/bin/true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603
