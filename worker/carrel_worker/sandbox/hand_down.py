"""Run as a file by root: mount what is open where another user finds it, and become that user.

bwrap looks at paths, and the user it runs as may not search the directories above a dataset or an
interpreter (0700, as a home or a storage should be). These mounts are in a namespace of this
process alone, on top of a directory that is not used otherwise; they end with it.
"""

import ctypes
import json
import os
import sys
from typing import NoReturn

_NEWNS, _BIND, _REC, _PRIVATE, _NOSUID, _NODEV = 0x20000, 4096, 16384, 1 << 18, 2, 4
_libc = ctypes.CDLL(None, use_errno=True)


def main(descriptor: int) -> NoReturn:
    with open(descriptor) as file:
        job = json.load(file)
    if _libc.unshare(ctypes.c_int(_NEWNS)) != 0:
        _fail("unshare")
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", job["place"], "tmpfs", _NOSUID | _NODEV)
    os.chmod(job["place"], 0o755)  # noqa: S103 (it holds mounts alone)
    for number in job["descriptors"]:
        # A descriptor belongs to the namespace that was left: what is mounted is found by its path
        # once more, and has to be the same.
        source = os.readlink(f"/proc/self/fd/{number}")
        target = os.path.join(job["place"], str(number))
        if os.path.isdir(source):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
        _mount(source, target, None, _BIND)
        if not os.path.samestat(os.stat(target), os.fstat(number)):
            raise SystemExit(f"{source} is not what was opened")
        os.close(number)
    os.setgroups([])
    os.setresgid(job["gid"], job["gid"], job["gid"])
    os.setresuid(job["uid"], job["uid"], job["uid"])
    os.execve(job["command"][0], job["command"], {})  # noqa: S606 (the sandbox itself)


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), None) != 0:
        _fail(f"mount {target}")


def _fail(what: str) -> NoReturn:
    raise SystemExit(f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
