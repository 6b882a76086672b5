"""A small supervised site for tests, run as a program: plain, stubborn and forking children.

    supervised.py DIRECTORY

Writes the pids of everything to DIRECTORY/pids once all is up.
"""

import sys
from pathlib import Path

from carrel_site.embedded.process import Program, clean_environment
from carrel_site.embedded.supervise import StopRequested, Supervisor

PLAIN = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
FORKING = """
import os, signal, time
for leave in (False, True):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if leave:
            os.setsid()
        os.fork()
        time.sleep(600)
time.sleep(600)
"""


def main() -> None:
    directory = Path(sys.argv[1])

    def program(name: str, code: str, *, guard: bool = False) -> Program:
        return Program(
            name=name,
            arguments=(sys.executable, "-S", "-c", code, name),
            environment=clean_environment(),
            log=directory / f"{name}.log",
            guard=guard,
            stop_seconds=0.5,
        )

    def say(line: str) -> None:
        with (directory / "said").open("a") as file:
            file.write(line + "\n")

    try:
        with Supervisor(say) as supervisor:
            supervisor.start(program("plain", PLAIN))
            supervisor.start(program("stubborn", STUBBORN))
            supervisor.start(program("forking", FORKING, guard=True))
            (directory / "up").touch()
            supervisor.watch()
    except StopRequested:
        (directory / "stopped").touch()


if __name__ == "__main__":
    main()
