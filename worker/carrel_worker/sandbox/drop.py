"""The user that code runs as.

A worker that is root becomes another user before it starts bubblewrap: the sandbox's user
namespace belongs to whoever makes it, and root's may write the host's /proc/sys.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from carrel_worker.sandbox.errors import DataUnreadable

USER = "carrel-sandbox"
"""Taken where the machine has it; nothing else should run as it or belong to it."""
NOBODYS = 65532
"""Taken where it has not: a number that distributions leave free."""


@dataclass(frozen=True)
class Identity:
    uid: int
    gid: int


@cache
def identity() -> Identity | None:
    """Whom to become; None for a worker that is no root and stays who it is."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        return Identity(NOBODYS, NOBODYS)
    return Identity(entry.pw_uid, entry.pw_gid)


def place() -> str:
    """A directory of the host's that is mounted over, in a namespace of the launcher's alone."""
    return next(each for each in ("/mnt", "/media", "/srv", "/opt", "/home") if os.path.isdir(each))


def lend(path: Path) -> None:
    """Let the sandbox's group read a file, or a directory with what lies directly in it.

    Nothing is done for a worker that is no root: it reads what is its own.
    """
    who = identity()
    if who is None:
        return
    below = sorted(path.iterdir()) if path.is_dir() and not path.is_symlink() else []
    for each in (path, *below):
        status = each.lstat()
        if stat.S_ISLNK(status.st_mode):
            continue
        readable = stat.S_IRGRP | (stat.S_IXGRP if stat.S_ISDIR(status.st_mode) else 0)
        os.chown(each, -1, who.gid, follow_symlinks=False)
        os.chmod(each, stat.S_IMODE(status.st_mode) | readable)


def check_readable(descriptor: int, name: str) -> None:
    """Raise `DataUnreadable` if the sandbox's user may not read what is open there."""
    who = identity()
    if who is None:
        return
    status = os.fstat(descriptor)
    if status.st_uid == who.uid:
        needed = stat.S_IRUSR
    elif status.st_gid == who.gid:
        needed = stat.S_IRGRP
    else:
        needed = stat.S_IROTH
    if not status.st_mode & needed:
        raise DataUnreadable(name, who.uid, who.gid)


def may_search(path: Path, top: Path) -> bool:
    """Whether the sandbox's user can get to `path` from `top` by the directories between them."""
    who = identity()
    if who is None:
        return True
    for directory in path.parents:
        status = directory.stat()
        if status.st_uid == who.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == who.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return False
        if directory == top:
            break
    return True
