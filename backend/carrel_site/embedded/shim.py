"""Become a child that cannot outlive its parent, then execute a program.

Run as a file by `python -I -S`, so it imports the standard library alone:
    shim.py '{"parent": 123, "death_signal": 9, …}' PROGRAM ARGUMENT…

It must be a program of its own: the death signal is forgotten whenever credentials change, so it
is set after them; and a user namespace can only be entered by a process without threads.

With "guard" the shim stays, as the parent of PROGRAM and the adoptive parent (subreaper) of
everything that PROGRAM leaves behind, and kills all of it when PROGRAM or the supervisor ends.
"""

import ctypes
import json
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWUSER = 0x10000000
KILL_ALL = signal.SIGUSR1
"""Tells a guard to kill what it guards; killing the guard itself would set that free."""
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def enter_user_namespace(uid: int, gid: int) -> None:
    """Appear as uid:gid inside a new user namespace; outside, the kernel still sees ourselves.

    Root loses every capability at the next exec, so PostgreSQL agrees to start, and no file
    changes hands. user_namespaces(7).
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    if _libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("gid_map", f"{gid} {outer_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def drop_to(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def die_with(parent: int, death_signal: int) -> None:
    """Ask for `death_signal` when `parent` (a pid) ends; leave at once if it already has."""
    _prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        os._exit(0)


def guard(program: list[str], parent: int) -> None:
    """Run `program`, pass signals on to it, and leave nothing of it behind. Does not return."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    watched = {*_FORWARDED, KILL_ALL, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    myself = os.getpid()
    child = os.fork()
    if child == 0:
        die_with(myself, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        os.execv(program[0], program)  # noqa: S606
    status = None
    while status is None:
        received = signal.sigwait(watched)
        if received == KILL_ALL or os.getppid() != parent:
            break
        if received != signal.SIGCHLD:
            os.kill(child, received)
        status = _reap(child)
    _kill_descendants(myself)
    os._exit(0 if status is None else _exit_code(status))


def _reap(child: int) -> int | None:
    """Collect every child that has ended; the status of `child` if it is among them."""
    status = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = ended


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _kill_descendants(myself: int) -> None:
    """Kill our children until none is left: the orphans of each one killed become ours."""
    while True:
        for pid in _children_of(myself):
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children_of(parent: int) -> list[int]:
    children = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:
                    # The name in parentheses may hold anything; the parent is the 2nd field on.
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                children.append(int(entry))
    return children


def main() -> None:
    options = json.loads(sys.argv[1])
    program = sys.argv[2:]
    for number in (*_FORWARDED, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    os.umask(0o077)
    if options.get("cwd"):
        os.chdir(options["cwd"])  # while we still may: afterwards a parent may be closed to us
    if options.get("user_namespace"):
        enter_user_namespace(*options["user_namespace"])
    if options.get("drop_to"):
        drop_to(*options["drop_to"])
    die_with(options["parent"], options["death_signal"])
    if options.get("guard"):
        guard(program, options["parent"])
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main()
