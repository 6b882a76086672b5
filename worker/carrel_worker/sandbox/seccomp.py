"""The filter of system calls: an allow-list, as a classic BPF program.

What is not named is refused with EPERM; calls newer than the table with ENOSYS, as an old kernel
would, so that libraries fall back. A call in another architecture's numbering ends the process.

It is assembled here and not by libseccomp, whose Python binding needs the system's library: the
program is some 400 instructions of three kinds, and a test runs every refusal.
"""

import errno
import platform
import struct
from collections.abc import Sequence

from carrel_worker.sandbox.errors import UnknownMachine
from carrel_worker.sandbox.syscalls import NUMBERS

_KILL = 0x80000000
_ERRNO = 0x00050000
_ALLOW = 0x7FFF0000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

Instruction = tuple[int, int, int, int]
"""Operation, jump if true, jump if false, constant."""

# CLONE_NEW*: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NEW_NAMESPACES = 0x7E020000
_SHARED_ANONYMOUS = 0x21
_A_THREAD = 0x10000  # CLONE_THREAD
_EXECUTABLE = 4  # PROT_EXEC
_SECCOMP = 22  # PR_SET_SECCOMP

_ANSWERS = {
    # Only sockets that are connected from birth exist (socketpair), so none has an address.
    "socket": errno.EAFNOSUPPORT,
    **dict.fromkeys(("connect", "bind", "listen", "accept", "accept4"), errno.EACCES),
    # Its flags lie in memory, where a filter cannot look; libc falls back to clone.
    "clone3": errno.ENOSYS,
    "openat2": errno.ENOSYS,
    # RWF_NOWAIT tells what lies in the page cache, which other programs share.
    **dict.fromkeys(("preadv2", "pwritev2"), errno.ENOSYS),
    # Advice that moves pages of shared files in and out of that cache: heard, and not followed.
    "fadvise64": 0,
    # Kept in the kernel's memory, which no limit here counts.
    **dict.fromkeys(("setxattr", "lsetxattr", "fsetxattr"), errno.ENOTSUP),
}
# fcntl: duplicates, flags, a pipe's size. No locks and leases: shared files would carry messages.
_FCNTL = (0, 1, 2, 3, 4, 1030, 1032, 1034)
# ioctl: TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# prctl: names, death signal, dumpable (read), bounding set (read), timer slack, no_new_privs,
# huge pages, names of mappings
_PRCTL = (1, 2, 3, 15, 16, 23, 29, 30, 38, 39, 41, 42, 0x53564D41)
# madvise: merging equal pages with other programs' (12) and poisoning are refused.
_MADVISE = (0, 1, 2, 3, 4, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
_STREAMS = (1, 5)  # SOCK_STREAM, SOCK_SEQPACKET: neither can send to an address
_UNMAPPED = ("memfd_create",)
# NVIDIA's driver numbers its ioctls by type 'F', but those of unified memory from 1, and two apart.
_DRIVER_TYPE, _DRIVER_BELOW, _DRIVER = 0x4600, 0x100, (0x30000001, 0x30000002)
_CLOSED = (
    *("read", "readv", "pread64", "write", "writev", "pwrite64", "lseek", "close", "fstat"),
    *("munmap", "mremap", "brk", "madvise", "futex", "set_robust_list", "rseq", "membarrier"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall"),
    *("exit", "exit_group", "getpid", "gettid", "sched_yield", "sched_getaffinity", "getcpu"),
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time"),
    *("getrusage", "getrandom"),
)
"""What a decoder still needs once all is imported."""
_CHANGES = (
    *("chmod", "fchmod", "fchmodat", "utime", "utimes", "utimensat", "futimesat"),
    *("setpgid", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tkill"),
)


def compile_filter(
    machine: str | None = None,
    *,
    alone: int | None = None,
    closing: bool = False,
    gpu: bool = False,
) -> bytes:
    """The program for `machine` (default: this one), as an array of `struct sock_filter`.

    `alone` is the process's own number, for where it sees the host's processes and files: then it
    signals itself alone, and changes no file's mode or times. `closing`: it may put one more
    filter on itself, such as `compile_closing`'s. `gpu`: it may speak to NVIDIA's driver, and have
    memory that no process has mapped, as CUDA does. Raises `UnknownMachine`.
    """
    machine, numbers = _known(machine)
    special = _special(alone, closing) | (_for_gpu() if gpu else {})
    blocks = {}
    for name in numbers:
        if (alone is not None and name in _CHANGES) or (name in _UNMAPPED and not gpu):
            continue
        answer = _refuse(_ANSWERS[name]) if name in _ANSWERS else _ALLOW
        blocks[name] = special.get(name) or [(_RETURN, 0, 0, answer)]
    return _assemble(machine, blocks)


def compile_closing(machine: str | None = None) -> bytes:
    """The program for who has imported all that it needs: it computes, allocates, has threads,
    and writes to what it holds already. It opens, starts, connects, signals and maps nothing more,
    and no memory becomes code. Raises `UnknownMachine`.
    """
    machine, numbers = _known(machine)
    blocks = {name: [(_RETURN, 0, 0, _ALLOW)] for name in _CLOSED if name in numbers}
    blocks["clone"] = [*_only_with(0, _A_THREAD), *_unless_any(0, _NEW_NAMESPACES)]
    blocks["clone3"] = [(_RETURN, 0, 0, _refuse(errno.ENOSYS))]
    blocks["mmap"] = [*_never_with(2, _EXECUTABLE), *_unless_all(3, _SHARED_ANONYMOUS)]
    blocks["mprotect"] = _unless_any(2, _EXECUTABLE)
    return _assemble(machine, blocks)


def _known(machine: str | None) -> tuple[str, dict[str, int]]:
    machine = machine or platform.machine()
    if machine not in NUMBERS:
        raise UnknownMachine(machine)
    return machine, NUMBERS[machine]


def _assemble(machine: str, blocks: dict[str, list[Instruction]]) -> bytes:
    """The program that comes to a block for each call that has one, and refuses all others."""
    numbers = NUMBERS[machine]
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for name, block in sorted(blocks.items(), key=lambda each: numbers[each[0]]):
        program += [(_EQUAL, 0, len(block), numbers[name]), *block]
    program += [
        (_AT_LEAST, 0, 1, max(numbers.values()) + 1),
        (_RETURN, 0, 0, _refuse(errno.ENOSYS)),
        (_RETURN, 0, 0, _refuse(errno.EPERM)),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _special(alone: int | None, closing: bool) -> dict[str, list[Instruction]]:
    """The calls that are allowed with some arguments only."""
    rules = {
        "clone": _unless_any(0, _NEW_NAMESPACES),
        "mmap": _unless_all(3, _SHARED_ANONYMOUS),
        "fcntl": _only(1, _FCNTL),
        "ioctl": _only(1, _IOCTL),
        "prctl": _only(0, (*_PRCTL, _SECCOMP) if closing else _PRCTL),
        "madvise": _only(2, _MADVISE),
        "prlimit64": _only(0, (0,)),
        "socketpair": [*_check(0, (1,)), *_check(1, _STREAMS, mask=0xF), (_RETURN, 0, 0, _ALLOW)],
        "sendto": _null(4),
    }
    if alone is not None:
        rules["kill"] = rules["tgkill"] = _only(0, (alone,))
    return rules


def _for_gpu() -> dict[str, list[Instruction]]:
    allow: Instruction = (_RETURN, 0, 0, _ALLOW)
    return {
        "mmap": [allow],
        "fcntl": _only(1, (*_FCNTL, 1033)),  # F_ADD_SEALS
        "ioctl": [
            _low(1),
            (_AT_LEAST, 1, 0, _DRIVER_BELOW),
            allow,
            (_AND, 0, 0, 0xFF00),
            (_EQUAL, 0, 1, _DRIVER_TYPE),
            allow,
            *_only(1, (*_IOCTL, *_DRIVER)),
        ],
    }


def _refuse(number: int) -> int:
    return _ERRNO | number


def _low(argument: int) -> Instruction:
    """Load the lower half: all that the kernel reads of an int, whatever the upper half says."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def _check(argument: int, values: Sequence[int], *, mask: int | None = None) -> list[Instruction]:
    """Refuse unless the argument is one of the values; go on after these instructions if it is."""
    start = [_low(argument)] + ([(_AND, 0, 0, mask)] if mask is not None else [])
    tests = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [*start, *tests, (_RETURN, 0, 0, _refuse(errno.EPERM))]


def _only(argument: int, values: Sequence[int]) -> list[Instruction]:
    return [*_check(argument, values), (_RETURN, 0, 0, _ALLOW)]


def _unless_any(argument: int, bits: int) -> list[Instruction]:
    return [
        _low(argument),
        (_ANY_BIT, 0, 1, bits),
        (_RETURN, 0, 0, _refuse(errno.EPERM)),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _only_with(argument: int, bits: int) -> list[Instruction]:
    """Refuse unless one of the bits is set; go on after these instructions if it is."""
    return [_low(argument), (_ANY_BIT, 1, 0, bits), (_RETURN, 0, 0, _refuse(errno.EPERM))]


def _never_with(argument: int, bits: int) -> list[Instruction]:
    """Refuse if one of the bits is set; go on after these instructions if none is."""
    return [_low(argument), (_ANY_BIT, 0, 1, bits), (_RETURN, 0, 0, _refuse(errno.EPERM))]


def _unless_all(argument: int, bits: int) -> list[Instruction]:
    return [
        _low(argument),
        (_AND, 0, 0, bits),
        (_EQUAL, 0, 1, bits),
        (_RETURN, 0, 0, _refuse(errno.EPERM)),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _null(argument: int) -> list[Instruction]:
    return [
        _low(argument),
        (_EQUAL, 0, 2, 0),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4),
        (_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, _refuse(errno.EPERM)),
        (_RETURN, 0, 0, _ALLOW),
    ]
