"""Valkey as a child process on a private unix socket: the broker between site and workers.

It holds run ids and nothing else, and losing it loses nothing: the reaper publishes every queued
run again. The append-only file merely saves that work after a restart.
"""

import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from carrel_site.embedded.binaries import valkey_server
from carrel_site.embedded.process import Program, clean_environment
from carrel_site.embedded.survivors import end_survivors


@dataclass(frozen=True)
class Valkey:
    """One server. `data` is its own directory; `socket` a short path in a private one (0700)."""

    data: Path
    socket: Path
    log: Path
    durable: bool = True

    def clear_stale_lock(self) -> None:
        """After a SIGKILL, wait for what still shuts down: two must not write one file."""
        end_survivors(self.data, "valkey-server")

    def program(self) -> Program:
        return Program(
            name="valkey",
            arguments=(
                str(valkey_server()),
                *("--port", "0"),
                *("--unixsocket", str(self.socket), "--unixsocketperm", "700"),
                *("--dir", str(self.data)),
                *("--appendonly", "yes" if self.durable else "no", "--appendfsync", "everysec"),
                *("--save", ""),
                *("--maxmemory-policy", "noeviction"),
                *("--daemonize", "no"),
            ),
            environment=clean_environment(),
            log=self.log,
            cwd=self.data,
            death_signal=signal.SIGTERM,  # it flushes its file and goes
        )

    def ready(self) -> bool:
        """Whether it answers PING; False while it starts or loads its file."""
        try:
            return self._ask(b"PING").startswith(b"+PONG")
        except OSError:
            return False

    def flush(self) -> None:
        """Forget every message. Raises OSError if it does not answer."""
        reply = self._ask(b"FLUSHALL")
        if not reply.startswith(b"+OK"):
            raise OSError(reply.decode(errors="replace"))

    def _ask(self, command: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2.0)
            connection.connect(str(self.socket))
            connection.sendall(command + b"\r\n")
            return connection.recv(64)

    def url(self, database: int = 0) -> str:
        """kombu's URL."""
        return f"redis+socket://{self.socket}?virtual_host={database}"
