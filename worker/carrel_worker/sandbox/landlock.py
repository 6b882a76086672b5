"""The weaker tier: no namespaces, but Landlock, a system-call filter, limits and a subreaper.

Run as a file, by itself: it imports nothing of Carrel's. The launcher stays outside the fence and
takes every orphan back; the program is its child, fenced before it begins.

What this tier lacks: names and sizes of the host's files can be seen (not read), the host's
processes can be counted, and a supervisor that is killed at once may leave the program behind.
"""

import ctypes
import ctypes.util
import json
import os
import signal
import struct
import sys
from typing import Any, NoReturn

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
# Of linux/landlock.h: EXECUTE, READ_FILE, READ_DIR
_READ = 1 << 0 | 1 << 2 | 1 << 3
_READ_FILE = 1 << 0 | 1 << 2
# WRITE_FILE, REMOVE_*, MAKE_{DIR,REG,FIFO,SYM}, REFER, TRUNCATE
_WRITE = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 14
_ALL_BY_ABI = {3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET = 0b11
_SCOPES = 0b11
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_SUBREAPER = 1, 22, 38, 36

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The version of Landlock that this kernel offers; 0 without it."""
    return max(int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))), 0)


def prctl(option: int, *arguments: Any) -> None:
    """Raises OSError."""
    padded = [*arguments, *([0] * (4 - len(arguments)))]
    words = [a if not isinstance(a, int) else ctypes.c_ulong(a) for a in padded]
    if _libc.prctl(option, *words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def load_filter(program: bytes) -> None:
    """Put a filter of system calls on this process for good; no_new_privs has to be set."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    prctl(_PR_SET_SECCOMP, 2, ctypes.create_string_buffer(header, len(header)))


def restrict(readable: list[str], writable: list[str], devices: list[str]) -> None:
    """Fence this process and its children in. Raises OSError where it cannot be done."""
    version = abi()
    if version < 3:
        raise OSError(38, "Landlock of version 3 or later is needed (Linux 6.2)")
    handled = _ALL_BY_ABI[min(version, 5)]
    words = [handled]
    words += [_NET if version >= 4 else 0] if version >= 4 else []
    words += [_SCOPES] if version >= 6 else []
    attributes = struct.pack(f"{len(words)}Q", *words)
    rules = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    for path in readable:
        _allow(rules, path, _READ)
    for path in writable:
        _allow(rules, path, _READ | _WRITE)
    for path in devices:
        _allow(rules, path, 1 << 1 | 1 << 2)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _call(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint(0))
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            rights &= _READ_FILE | 1 << 1
        _call(
            _ADD,
            ctypes.c_int(rules),
            ctypes.c_int(_PATH_BENEATH),
            struct.pack("=Qi", rights, descriptor),
            ctypes.c_uint(0),
        )
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: Any) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"system call {number}: {os.strerror(code)}")
    return result


def _launch(rules: dict[str, Any]) -> NoReturn:
    prctl(_PR_SET_SUBREAPER, 1)
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.read(rules["block"], 1)
    own = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            _begin(rules, own)
        except OSError as error:
            print(f"not fenced: {error}", file=sys.stderr, flush=True)
        os._exit(rules["failed"])
    # The program's own copies count: with these open its channels would never be ours alone.
    os.closerange(3, 1024)
    status = 0
    while True:
        pid, found = os.wait()
        if pid == child:
            status = os.waitstatus_to_exitcode(found)
            break
    _kill_the_rest(own)
    os._exit(status if status >= 0 else 128 - status)


def _begin(rules: dict[str, Any], parent: int) -> None:
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(rules["failed"])
    os.setsid()
    os.chdir(rules["scratch"])
    kept = sorted(rules["inherited"])
    for low, high in zip([3, *(k + 1 for k in kept)], [*kept, 4096], strict=True):
        os.closerange(low, high)
    for descriptor in kept:
        os.set_inheritable(descriptor, True)
    restrict(rules["readable"], [rules["scratch"]], rules["devices"])
    load_filter(_own_number(bytes.fromhex(rules["filter"]), rules["number"]))
    os.execve(rules["command"][0], rules["command"], rules["environment"])  # noqa: S606


def _own_number(program: bytes, stands_for: int) -> bytes:
    """The filter with this process's number where the supervisor could not know it yet."""
    parts = []
    for place in range(0, len(program), 8):
        operation, yes, no, constant = struct.unpack_from("=HBBI", program, place)
        constant = os.getpid() if constant == stands_for else constant
        parts.append(struct.pack("=HBBI", operation, yes, no, constant))
    return b"".join(parts)


def _kill_the_rest(own: int) -> None:
    """Kill what the program left behind, until nothing is there."""
    while True:
        try:
            with open(f"/proc/{own}/task/{own}/children") as file:
                left = file.read().split()
            for pid in left:
                os.kill(int(pid), signal.SIGKILL)
            os.wait()
        except ChildProcessError:
            return
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    with open(int(sys.argv[1])) as _file:
        _launch(json.load(_file))
