"""What the worker's process does with signals is not passed on to what it starts."""

import signal
from collections.abc import Iterator

import pytest

from carrel_worker.sandbox import Sandbox, SandboxError, Tier
from tests.worker.packages import here
from tests.worker.sandbox.programs import function, values

LOOK = """
def work():
    import signal, time
    rang = []
    found = {
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "ignored": sorted(n for n in signal.valid_signals()
                          if signal.getsignal(n) is signal.SIG_IGN),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    }
    signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    until = time.monotonic() + 20
    while not rang and time.monotonic() < until:
        time.sleep(0.01)
    return found | {"rang": len(rang)}
"""
USUAL = {
    "blocked": [],
    "ignored": [signal.SIGPIPE, signal.SIGXFSZ],
    "interrupt": True,
    "rang": 1,
}


@pytest.fixture
def unusual() -> Iterator[None]:
    """As a worker's child is left by what forked it."""
    blocked = {signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGRTMIN}
    ignored = (signal.SIGUSR2, signal.SIGHUP, signal.SIGALRM, signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@pytest.mark.parametrize("way", ["anew", "warm", "landlock"])
@pytest.mark.usefixtures("unusual")
def test_a_program_finds_signals_as_usual(way: str) -> None:
    try:
        if way == "landlock":
            made = Sandbox(minimum=Tier.LANDLOCK, tier=Tier.LANDLOCK)
        else:
            made = Sandbox(warm=1 if way == "warm" else 0)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        made.warm_up(here())
        try:
            outcome = made.run(function(LOOK))
        except SandboxError as error:
            if way != "landlock":
                raise
            pytest.skip(f"the sandbox's user cannot run this interpreter: {error}")
    assert outcome.warm == (way == "warm")
    assert values(outcome) == {"result": USUAL}
