"""A program in a sandbox of its own, started anew: bubblewrap, or Landlock where that is not."""

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from carrel_worker.sandbox import bubblewrap, drop
from carrel_worker.sandbox.errors import StartFailed
from carrel_worker.sandbox.program import EnvironmentDir
from carrel_worker.sandbox.running import End, Handle, kill_tree

_START = 30.0
HAND_DOWN = Path(__file__).parent / "hand_down.py"
LAUNCHER = Path(__file__).parent / "landlock.py"


@dataclass(frozen=True)
class Streams:
    """What the code inherits: its outputs, and nothing to read from."""

    stdout: int
    stderr: int


def memory_file(name: str, content: bytes) -> int:
    """A descriptor to read `content` from, at its start. The caller closes it."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def spawn(
    argv: Sequence[str], streams: Streams, pass_fds: Sequence[int], stdin: int = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    """Start a process with no environment, as the user that code runs as."""
    who = drop.identity()
    return subprocess.Popen(  # noqa: S603 (no shell, and no word of it is a stranger's)
        argv,
        env={},
        stdin=stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
        pass_fds=pass_fds,
        cwd="/",
        start_new_session=True,
        user=who.uid if who else None,
        group=who.gid if who else None,
        extra_groups=[] if who else None,
    )


def _as_another(
    who: drop.Identity,
    argv: Sequence[str],
    streams: Streams,
    pass_fds: Sequence[int],
    binds: Sequence[int],
) -> "subprocess.Popen[bytes]":
    """Start bwrap through `hand_down.py`, which mounts what is open, and drops root."""
    job = {
        "uid": who.uid,
        "gid": who.gid,
        "place": drop.place(),
        "descriptors": list(binds),
        "command": list(argv),
    }
    config = memory_file("job", json.dumps(job).encode())
    try:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, *bubblewrap.PYTHON, str(HAND_DOWN), str(config)],
            env={},
            stdin=subprocess.DEVNULL,
            stdout=streams.stdout,
            stderr=streams.stderr,
            pass_fds=[*pass_fds, *binds, config],
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(config)


def bwrap(
    options: Sequence[str],
    command: Sequence[str],
    streams: Streams,
    pass_fds: Sequence[int],
    binds: Sequence[int],
) -> "tuple[subprocess.Popen[bytes], int, int]":
    """Start bwrap, held before it does anything: itself, its first process, what releases it."""
    program = bubblewrap.program()
    assert program is not None
    info, info_writer = os.pipe2(os.O_CLOEXEC)
    block, release = os.pipe2(os.O_CLOEXEC)
    words = [*options, "--info-fd", str(info_writer), "--block-fd", str(block)]
    arguments = memory_file("args", b"".join(word.encode() + b"\0" for word in words))
    try:
        argv = [program, "--args", str(arguments), "--", *command]
        kept = [*pass_fds, arguments, info_writer, block]
        if (who := drop.identity()) is not None:
            process = _as_another(who, argv, streams, kept, binds)
        else:
            process = spawn(argv, streams, [*kept, *binds])
    except BaseException:
        os.close(info)
        os.close(release)
        raise
    finally:
        for descriptor in (arguments, info_writer, block):
            os.close(descriptor)
    try:
        return process, _first(info), release
    except BaseException:
        os.close(release)
        process.kill()
        process.wait()
        raise
    finally:
        os.close(info)


def _first(info: int) -> int:
    """bwrap's child, by the host's number."""
    text = b""
    poll = select.poll()
    poll.register(info, select.POLLIN)
    while not text.rstrip().endswith(b"}"):
        if not poll.poll(_START * 1000) or not (part := os.read(info, 4096)):
            raise StartFailed("bwrap ended at once")
        text += part
    return int(json.loads(text)["child-pid"])


class Wrapped:
    """A program that bubblewrap holds. Its first process ends last, and all others with it."""

    def __init__(
        self,
        environment: EnvironmentDir,
        scratch_bytes: int,
        binds: bubblewrap.Binds,
        streams: Streams,
        inherited: Sequence[int],
        filtered: bytes,
        card: tuple[str, ...] = (),
    ) -> None:
        """`inherited`: the job's descriptor first, then the channels. `filtered`: the filter.
        `card`: the devices of a GPU."""
        filter_fd = memory_file("filter", filtered)
        try:
            options = bubblewrap.once(environment, scratch_bytes, binds, filter_fd, card)
            self._process, self.pid, self._release = bwrap(
                options,
                [
                    bubblewrap.interpreter(environment),
                    *bubblewrap.PYTHON,
                    *("-c", bubblewrap.BOOT.format(inherited[0])),
                ],
                streams,
                [*inherited, filter_fd],
                binds.descriptors,
            )
        finally:
            os.close(filter_fd)
        self._outer = Handle(self._process.pid)
        try:
            self._inner: Handle | None = Handle(self.pid)
        except ProcessLookupError:
            self._inner = None

    def release(self) -> None:
        if self._release >= 0:
            with contextlib.suppress(BrokenPipeError):  # it ended before
                os.write(self._release, b"x")
            os.close(self._release)
            self._release = -1

    def ended(self, seconds: float) -> bool:
        return self._outer.ended(seconds)

    def kill(self) -> None:
        if self._inner is not None:
            self._inner.kill()
            self._inner.wait()
        self._outer.kill()
        self._outer.wait()

    def finish(self) -> End:
        if self._release >= 0:
            os.close(self._release)
            self._release = -1
        _, status, usage = os.wait4(self._process.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code
        self._outer.close()
        if self._inner is not None:
            # Killed from outside, bwrap leaves its child to us.
            self._inner.wait()
            _reap(self.pid)
            self._inner.close()
        return End(code if code >= 0 else 128 - code, usage.ru_utime + usage.ru_stime)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):  # its parent did
        os.waitpid(pid, os.WNOHANG)


class Fenced:
    """A program behind Landlock, with a launcher that all its orphans come back to."""

    def __init__(
        self,
        environment: EnvironmentDir,
        rules: dict[str, object],
        streams: Streams,
        inherited: Sequence[int],
    ) -> None:
        block, self._release = os.pipe2(os.O_CLOEXEC)
        config = memory_file("rules", json.dumps({**rules, "block": block}).encode())
        launcher = os.open(LAUNCHER, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._process = spawn(
                [
                    str(environment.interpreter),
                    *bubblewrap.PYTHON,
                    f"/proc/self/fd/{launcher}",
                    str(config),
                ],
                streams,
                [*inherited, config, block, launcher],
            )
        except OSError as error:
            os.close(self._release)
            raise StartFailed(f"{environment.interpreter}: {error.strerror}") from error
        finally:
            for descriptor in (config, block, launcher):
                os.close(descriptor)
        self.pid = self._process.pid
        self._handle = Handle(self.pid)

    def release(self) -> None:
        if self._release >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._release, b"x")
            os.close(self._release)
            self._release = -1

    def ended(self, seconds: float) -> bool:
        return self._handle.ended(seconds)

    def kill(self) -> None:
        kill_tree(self.pid)
        self._handle.kill()
        self._handle.wait()

    def finish(self) -> End:
        if self._release >= 0:
            os.close(self._release)
            self._release = -1
        _, status, usage = os.wait4(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code
        self._handle.close()
        return End(code if code >= 0 else 128 - code, usage.ru_utime + usage.ru_stime)
