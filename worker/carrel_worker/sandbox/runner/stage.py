"""A process that waits with packages imported, and forks into a fresh sandbox for each program.

It never sees a program: the child forks off before the job is read. bubblewrap has made this
process's world (namespaces, the read-only system, no network); the child makes namespaces of its
own within, mounts its data, gives up every right, and only then becomes a runner.

Nothing else of the zygote's is in the child's reach: another pid namespace, no shared descriptor,
and a user namespace that no number maps into, in which no further one can be made.
"""

import ctypes
import fcntl
import gc
import importlib
import os
import random
import signal
import socket
import struct
import sys
from typing import Any, NoReturn

from . import main as runner

_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
_PR_CAP_AMBIENT = 47
FAILED = 98
"""Exit status: the sandbox could not be made; nothing of the program has run."""
READY, HERE, GO, ENDED = b"ready", b"here", b"go", b"ended"

_libc = ctypes.CDLL(None, use_errno=True)


def main(descriptor: int) -> NoReturn:
    """Serve one program after another on the socket that the configuration names."""
    runner.usual_signals()
    config = runner.read_job(descriptor)
    control = socket.socket(fileno=config["control"])
    sys.path += config["packages"]
    for name in config["preload"]:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    gc.collect()
    gc.freeze()
    control.send(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 4096, 8)
        if not message:
            os._exit(0)  # the worker is gone
        child = os.fork()
        if child == 0:
            _between(control, descriptors)
        for each in descriptors:
            os.close(each)
        os.waitpid(child, 0)


def _between(control: socket.socket, descriptors: list[int]) -> NoReturn:
    """The child: parent of the sandbox's first process, in namespaces that wait for it."""
    own = os.getpid()
    status, cpu = FAILED, 0.0
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _unshare(_NEWNS | _NEWPID | _NEWIPC | _NEWNET | _NEWUTS | _NEWCGROUP)
        first = os.fork()
        if first == 0:
            _first(control, descriptors)
        for each in descriptors:
            os.close(each)
        _, found, usage = os.wait4(first, 0)
        code = os.waitstatus_to_exitcode(found)
        status, cpu = (code if code >= 0 else 128 - code), usage.ru_utime + usage.ru_stime
    finally:
        if os.getpid() == own:
            control.send(ENDED + struct.pack("=id", status, cpu))
        os._exit(0)


def _first(control: socket.socket, descriptors: list[int]) -> NoReturn:
    """The sandbox's first process. The supervisor reads its number off the message itself."""
    errors = descriptors[3]
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        control.send(HERE)
        if control.recv(16) != GO:
            os._exit(FAILED)
        jobs, rules, *kept = descriptors
        job = runner.read_job(jobs)
        with open(rules, "rb") as file:
            program = file.read()
        _mount(job)
        os.setsid()
        control.detach()
        # What is open is shared with whoever inherited it, flags and all: this is nobody else's.
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        _keep(kept)
        errors = 2
        job["result"], job["report"], job["started"] = 3, 4, 5
        os.chdir(job["scratch"])
        _give_up()
        random.seed()
        if (numpy := sys.modules.get("numpy")) is not None:
            # Forks of one process would draw the same numbers.
            numpy.random.seed(int.from_bytes(os.urandom(4), "little"))
        _filter(program)
    except BaseException as error:  # noqa: BLE001 (whatever it is, the program must not run)
        os.write(errors, f"the sandbox could not be made: {error}\n".encode())
        os._exit(FAILED)
    runner.run(job)


def _keep(descriptors: list[int]) -> None:
    """Have these as 1, 2, 3, …, and no others but 0."""
    high = [fcntl.fcntl(each, fcntl.F_DUPFD, 64) for each in descriptors]
    for number, each in enumerate(high, 1):
        os.dup2(each, number)
    os.closerange(len(descriptors) + 1, 4096)


def _mount(job: dict[str, Any]) -> None:
    """Data, and memory to write in; then nothing of the staging area is left to be seen."""
    _do_mount(None, "/", None, _REC | _PRIVATE, None)
    for place, size, inodes in (
        (job["scratch"], job["scratch_size"], 65536),
        ("/dev/shm", job["shm_size"], 1024),  # noqa: S108
        (job["data"], 65536, 512),
    ):
        options = f"size={size},nr_inodes={inodes},mode=755"
        _do_mount("tmpfs", place, "tmpfs", _NOSUID | _NODEV, options)
    for (name, _, _), source in zip(job["mounts"], job["sources"], strict=True):
        target = os.path.join(job["data"], name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
        _do_mount(source, target, None, _BIND, None)
        _do_mount(None, target, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV, None)
    _do_mount(None, job["data"], None, _REMOUNT | _RDONLY | _NOSUID | _NODEV, None)
    # Covered for good: the mounts below are locked to those of this namespace, so that not even
    # this process could take them away, and what covers them goes only with the namespace.
    _do_mount("tmpfs", "/staging", "tmpfs", _NOSUID | _NODEV | _RDONLY, "size=4k,nr_inodes=2")
    if os.listdir("/staging"):
        raise OSError("something is left in /staging")


def _give_up() -> None:
    """Leave the user namespace that owns the mounts, and drop every right in the new one."""
    _unshare(_NEWUSER)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_CAP_AMBIENT, 4)
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break
    header = struct.pack("=Ii", 0x20080522, 0)
    _check(_libc.capset(header, bytes(24)), "capset")


def _filter(program: bytes) -> None:
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    held = ctypes.create_string_buffer(header, len(header))
    _check(_libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(2), held, 0, 0), "seccomp")


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def _unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def _do_mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None
) -> None:
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    data = options.encode() if options is not None else None
    _check(_libc.mount(*words, ctypes.c_ulong(flags), data), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
