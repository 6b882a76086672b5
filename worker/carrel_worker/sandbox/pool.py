"""Waiting processes, by environment, and which data they can be handed."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from carrel_worker.sandbox import drop
from carrel_worker.sandbox.errors import SandboxError
from carrel_worker.sandbox.program import EnvironmentDir
from carrel_worker.sandbox.zygote import Stage


class Pool:
    """Up to `size` stages an environment. Each is used by one run at a time."""

    def __init__(self, size: int, staging: Sequence[Path]) -> None:
        self._size = size
        self._staging = [path.resolve() for path in staging]
        self._lock = threading.Lock()
        self._idle: dict[EnvironmentDir, list[Stage]] = {}
        self._busy: dict[Stage, EnvironmentDir] = {}
        self._coming: dict[EnvironmentDir, int] = {}
        self._closed = False
        # bwrap dies with the thread that started it: this one lives as long as the pool.
        self._keeper = ThreadPoolExecutor(1, "sandbox-keeper") if size else None

    def sources(self, descriptors: Sequence[int]) -> list[str] | None:
        """Where a stage finds what is open here; None if one of it lies nowhere it can see."""
        found = []
        for descriptor in descriptors:
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            for place, root in enumerate(self._staging):
                if path.is_relative_to(root) and drop.may_search(path, root):
                    found.append(str(Path(f"/staging/{place}") / path.relative_to(root)))
                    break
            else:
                return None
        return found

    def take(self, environment: EnvironmentDir, descriptors: Sequence[int]) -> Stage | None:
        """An idle stage for a run with this data; None if it should be started anew."""
        if not self._size or self.sources(descriptors) is None:
            return None
        with self._lock:
            idle = self._idle.setdefault(environment, [])
            while idle:
                stage = idle.pop()
                if stage.alive:
                    self._busy[stage] = environment
                    return stage
                stage.close()
        self._more(environment)
        return None

    def _more(self, environment: EnvironmentDir) -> None:
        """Have one more come, if there are too few, for the runs after this one."""
        with self._lock:
            there = len(self._idle.get(environment, ())) + self._coming.get(environment, 0)
            there += sum(each == environment for each in self._busy.values())
            if self._closed or there >= self._size or self._keeper is None:
                return
            self._coming[environment] = self._coming.get(environment, 0) + 1
            self._keeper.submit(self._start, environment)

    def fill(self, environment: EnvironmentDir) -> None:
        """Start one stage and wait for it. Raises `SandboxError` if it does not come up."""
        if self._keeper is None:
            return
        with self._lock:
            self._coming[environment] = self._coming.get(environment, 0) + 1
        self._keeper.submit(self._start, environment, failing=True).result()

    def _start(self, environment: EnvironmentDir, *, failing: bool = False) -> None:
        stage: Stage | None = None
        try:
            if not self._closed:
                stage = Stage(environment, self._staging)
        except (SandboxError, OSError):
            # Without one, programs are started anew: slower, and just as well held.
            if failing:
                raise
        finally:
            with self._lock:
                self._coming[environment] -= 1
                if stage is not None:
                    self._idle.setdefault(environment, []).append(stage)

    def give_back(self, stage: Stage) -> None:
        with self._lock:
            environment = self._busy.pop(stage)
            if not self._closed:
                self._idle[environment].append(stage)
                return
        stage.close()

    def drop(self, stage: Stage) -> None:
        """It may not be as it was: end it."""
        with self._lock:
            self._busy.pop(stage)
        stage.close()

    def close(self) -> None:
        self._closed = True
        if self._keeper is not None:
            self._keeper.shutdown(wait=True)
        with self._lock:
            stages = [stage for idle in self._idle.values() for stage in idle]
            self._idle.clear()
        for stage in stages:
            stage.close()
