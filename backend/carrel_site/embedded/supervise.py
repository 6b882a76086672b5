"""Start programs, start them again when they crash, stop them in order.

Single-threaded on purpose: the kernel ties children's death signals to the thread that made
them. Signals are blocked and waited for (sigtimedwait), so nothing is interrupted halfway.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from carrel_site.embedded.process import Child, Program, spawn

_STOPPING = {signal.SIGTERM, signal.SIGINT}
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_STEADY_SECONDS = 60.0
"""One that ran this long before it crashed starts again at the first delay."""
_POLL_SECONDS = 0.05

Say = Callable[[str], None]


class StopRequested(Exception):
    """SIGTERM, SIGINT or SIGHUP arrived: leave the supervisor's block, which stops everything."""


class StartFailed(RuntimeError):
    """A program ended, or was not ready in time, while the site was starting."""


@dataclass
class _Entry:
    program: Program
    child: Child
    started: float
    before: Callable[[], None] | None
    crashes: int = 0
    due: float | None = None
    """When it is to be started again, while it is down."""


class Supervisor:
    """A context: signals are ours inside it, and nothing that it started is left after it."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._entries: list[_Entry] = []
        self._signals = set(_STOPPING)

    def __enter__(self) -> "Supervisor":
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup, live on
            self._signals.add(signal.SIGHUP)
        self._previous = signal.pthread_sigmask(signal.SIG_BLOCK, {*self._signals, signal.SIGCHLD})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_all()
        while signal.sigtimedwait({*self._signals, signal.SIGCHLD}, 0):
            pass  # what came while stopping has been heeded; unblocked, it would end us now
        signal.pthread_sigmask(signal.SIG_SETMASK, self._previous)

    def start(self, program: Program, before: Callable[[], None] | None = None) -> None:
        """Start `program` and keep it running; `before` runs ahead of every start."""
        if before:
            before()
        self._entries.append(_Entry(program, spawn(program), time.monotonic(), before))

    def wait_ready(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready()`. Raises StartFailed if the program ends or takes too long."""
        entry = next(entry for entry in self._entries if entry.program.name == name)
        deadline = time.monotonic() + seconds
        while not ready():
            code = entry.child.exit_code()
            if code is not None:
                raise StartFailed(_explain(entry.program, f"ended with {code} while starting"))
            if time.monotonic() > deadline:
                raise StartFailed(_explain(entry.program, f"was not ready after {seconds:.0f} s"))
            self.pause(_POLL_SECONDS)

    def run(self, program: Program, seconds: float) -> None:
        """Run `program` to its end. Raises StartFailed unless it succeeds within `seconds`."""
        child = spawn(program)
        deadline = time.monotonic() + seconds
        try:
            while (code := child.exit_code()) is None and time.monotonic() < deadline:
                self.pause(_POLL_SECONDS)
        finally:
            child.kill()
        if code is None:
            raise StartFailed(_explain(program, f"did not finish in {seconds:.0f} s"))
        if code != 0:
            raise StartFailed(_explain(program, f"ended with {code}"))

    def pause(self, seconds: float) -> None:
        """Sleep, at most until a child ends. Raises StopRequested when we are to stop."""
        received = signal.sigtimedwait({*self._signals, signal.SIGCHLD}, seconds)
        if received and received.si_signo in self._signals:
            raise StopRequested

    def watch(self) -> None:
        """Keep every program running until StopRequested."""
        while True:
            for entry in self._entries:
                self._revive(entry)
            now = time.monotonic()
            due = [entry.due - now for entry in self._entries if entry.due is not None]
            self.pause(max(0.0, min([*due, 60.0])))

    def _revive(self, entry: _Entry) -> None:
        now = time.monotonic()
        name = entry.program.name
        if entry.due is not None:
            if now >= entry.due:
                if entry.before:
                    entry.before()
                entry.child, entry.started, entry.due = spawn(entry.program), now, None
            return
        code = entry.child.exit_code()
        if code is None:
            return
        entry.crashes = 1 if now - entry.started > _STEADY_SECONDS else entry.crashes + 1
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (entry.crashes - 1))
        entry.due = now + delay
        self._say(
            f"{name} ended with {code}; starting it again in {delay:g} s (see {entry.program.log})"
        )

    def stop_all(self) -> None:
        """Stop everything, the last started first. A second signal kills what is left at once."""
        hurried = False
        while self._entries:
            entry = self._entries[-1]
            if not hurried:
                hurried = self._stop(entry)
            entry.child.kill()
            entry.child.wait(5.0)
            self._entries.pop()

    def _stop(self, entry: _Entry) -> bool:
        """Ask one to end and wait; True if we were told to hurry."""
        entry.child.send(entry.program.stop_signal)
        deadline = time.monotonic() + entry.program.stop_seconds
        while entry.child.exit_code() is None and time.monotonic() < deadline:
            try:
                self.pause(_POLL_SECONDS)
            except StopRequested:
                return True
        return False


def _explain(program: Program, what: str) -> str:
    if program.log is None:
        return f"{program.name} {what}."
    tail = program.log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join([f"{program.name} {what}. The end of {program.log}:", *tail])
