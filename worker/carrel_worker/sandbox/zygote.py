"""The supervisor's side of `runner/stage.py`: a waiting process, and a program forked from it."""

import contextlib
import os
import select
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from carrel_worker.sandbox import bubblewrap, channel, once
from carrel_worker.sandbox.errors import StartFailed
from carrel_worker.sandbox.program import EnvironmentDir
from carrel_worker.sandbox.running import End, Handle

_START = 60.0
_READY, _HERE, _GO, _ENDED = b"ready", b"here", b"go", b"ended"
FAILED = 98


class Stage:
    """One waiting process. It serves one program at a time, and shares nothing between two.

    Started from a thread that outlives it: bwrap dies with the thread that started it.
    """

    def __init__(self, environment: EnvironmentDir, staging: Sequence[Path]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        config = channel.job(
            {
                "control": theirs.fileno(),
                "packages": bubblewrap.packages(environment),
                "preload": list(environment.preload),
            }
        )
        binds = bubblewrap.Binds()
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            options = bubblewrap.stage(environment, staging, binds)
            self._process, self._pid, release = once.bwrap(
                options,
                [
                    bubblewrap.interpreter(environment),
                    *bubblewrap.PYTHON,
                    *("-c", bubblewrap.STAGE.format(config)),
                ],
                once.Streams(nowhere, nowhere),
                [theirs.fileno(), config],
                binds.descriptors,
            )
            os.write(release, b"x")
            os.close(release)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(config)
            os.close(nowhere)
            binds.close()
        self._control = ours
        ours.settimeout(_START)
        try:
            ready = ours.recv(64) == _READY
        except OSError:
            ready = False
        if not ready:
            self.close()
            raise StartFailed("the waiting process did not come up")

    def fork(self, descriptors: Sequence[int]) -> "Forked":
        """A sandbox for one program, held. Raises `StartFailed`; then this stage is of no use."""
        try:
            socket.send_fds(self._control, [b"run"], list(descriptors))
            message, ancillary, _, _ = self._control.recvmsg(64, socket.CMSG_SPACE(12))
        except OSError as error:
            raise StartFailed(f"the waiting process: {error}") from error
        if message != _HERE or not ancillary:
            raise StartFailed("no sandbox came of the waiting process")
        pid, _, _ = struct.unpack("=iII", ancillary[0][2])
        return Forked(pid, self._control)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            handle = Handle(self._pid)
            handle.wait()
            handle.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


class Forked:
    """A program in a sandbox that was forked from a stage."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self._control = control
        self._handle = Handle(pid)
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def release(self) -> None:
        with contextlib.suppress(OSError):  # the stage is gone, and so is this
            self._control.send(_GO)

    def ended(self, seconds: float) -> bool:
        return bool(self._poll.poll(seconds * 1000))

    def kill(self) -> None:
        self._handle.kill()
        self._handle.wait()

    def finish(self) -> End:
        try:
            message = self._control.recv(64)
        except OSError:
            message = b""
        self._handle.kill()
        self._handle.close()
        if not message.startswith(_ENDED):
            return End(FAILED)
        status, cpu = struct.unpack("=id", message[len(_ENDED) :])
        return End(status, cpu)
