"""A site's data directory: where everything lies, and the lock that makes it one site's alone."""

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carrel_site.embedded.identity import Identity

_SOCKET_PATH_BYTES = 107  # sockaddr_un holds 108 with the final zero, unix(7)
_LONGEST_SOCKET = "/pg/.s.PGSQL.5432"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+=~-]+")
"""Without the commas that libpq splits at, and what URLs escape."""
_LARGE_LOG_BYTES = 16 * 2**20
_RUN_PREFIX = "carrel-"


class AlreadyRunning(RuntimeError):
    """Another `carrel up` or `carrel demo` holds the data directory."""


@dataclass(frozen=True)
class DataDir:
    """Directories of ours are made 0700; one that exists keeps its mode, as do all above it."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def storage(self) -> Path:
        return self.root / "storage"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def site_file(self) -> Path:
        """What the running services' addresses are (no secrets); Settings reads it."""
        return self.root / "site.json"

    def make(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in (self.valkey, self.storage, self.logs):
            directory.mkdir(mode=0o700, exist_ok=True)

    def rotate_logs(self) -> None:
        """Set logs that have grown large aside, once a start; the one before that goes."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _LARGE_LOG_BYTES:
                log.replace(log.with_suffix(".log.1"))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory until the block, or this process, ends.

        Raises AlreadyRunning, naming the process that holds it.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = file.read().strip() or "unknown"
                raise AlreadyRunning(
                    f"{self.root} is in use by another carrel (pid {holder}); stop that one, or "
                    "choose another --data-dir"
                ) from None
            file.seek(0)
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def make_run_dir(self, identity: Identity) -> Path:
        """A private directory for sockets, with a path short enough for one.

        `root/run` where its path is short and PostgreSQL can reach it; else one in the system's
        temporary directory (not XDG_RUNTIME_DIR, which goes when its user logs out).
        """
        self._remove_stale_run_dir()
        directory = self.root / "run"
        short = len(os.fsencode(directory)) + len(_LONGEST_SOCKET) <= _SOCKET_PATH_BYTES
        if short and _PLAIN_PATH.fullmatch(str(directory)) and identity.can_reach(self.root):
            directory.mkdir(mode=0o700, exist_ok=True)
        else:
            directory = Path(tempfile.mkdtemp(prefix=_RUN_PREFIX))
        if identity.drop_to:
            directory.chmod(0o711)  # PostgreSQL passes through; each socket in it is 0700
        return directory

    def _remove_stale_run_dir(self) -> None:
        """After a SIGKILL: the temporary directory of the last start, if it is still ours."""
        recorded = self.read_site_file().get("run_dir")
        if not recorded:
            return
        directory = Path(str(recorded))
        ours = directory.is_dir() and directory.stat().st_uid == os.geteuid()
        if ours and (directory == self.root / "run" or directory.name.startswith(_RUN_PREFIX)):
            shutil.rmtree(directory)

    def read_site_file(self) -> dict[str, object]:
        try:
            content = json.loads(self.site_file.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return dict(content)

    def write_site_file(self, content: dict[str, object]) -> None:
        partial = self.site_file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(content, indent=2) + "\n")
        partial.rename(self.site_file)
