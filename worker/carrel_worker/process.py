"""What one child of the worker holds, from its fork to its end."""

import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path

import structlog

from carrel_protocol.jobs import WorkerReport
from carrel_worker import environments
from carrel_worker.heartbeat import Heartbeat
from carrel_worker.interrupter import Interrupter
from carrel_worker.presence import Presence
from carrel_worker.sandbox import Sandbox, Tier, probe
from carrel_worker.settings import WorkerSettings
from carrel_worker.shutdown import ShutdownFlag
from carrel_worker.site_client import SiteClient
from carrel_worker.storage import Storage
from carrel_worker.warmup import warm_up

_PARENT = os.getpid()
"""The worker's main process: this module is imported there, before any fork."""

_log = structlog.get_logger("carrel_worker")


class ChildProcess:
    """Made after the fork: connections and signal handlers belong to one process."""

    def __init__(
        self,
        settings: WorkerSettings,
        credential: str,
        shutdown: ShutdownFlag,
        *,
        runs_code: bool = False,
    ) -> None:
        self.settings = settings
        self.shutdown = shutdown
        self.site = SiteClient(settings.site_url, credential)
        self.storage = Storage(settings.storage_dir)
        self.interrupter = Interrupter()
        self.heartbeat = Heartbeat()
        self.presence = Presence(self.site, self.report if runs_code else None)
        self._work: Path | None = None
        self._sandbox: Sandbox | None = None
        self._said = False

    @classmethod
    def start(
        cls,
        settings: WorkerSettings,
        credential: str,
        shutdown: ShutdownFlag,
        *,
        runs_code: bool = False,
    ) -> "ChildProcess":
        """Take this freshly forked process into service, warm.

        A process that cannot answer a made-up question claims nothing: it ends the worker.
        """
        # Celery has asked the kernel to kill this process when its parent ends
        # (PR_SET_PDEATHSIG); a parent that ended before that is found out here.
        if os.getppid() != _PARENT:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            child = cls(settings, credential, shutdown, runs_code=runs_code)
            warm_up()
        except BaseException:  # noqa: BLE001 (whatever it is, no run may be claimed here)
            _log.exception("child unfit")
            os.kill(_PARENT, signal.SIGQUIT)
            os._exit(1)
        gc.collect()
        gc.freeze()  # what is here now stays: collections need not walk through it again
        child.presence.start()
        _log.info("child ready", pid=os.getpid())
        return child

    def report(self) -> WorkerReport:
        """What this worker can run, and what holds it."""
        found = environments.every(self.settings.environments_dir)
        words = probe().words()
        if self.settings.sandbox_gpu is not None and probe().tier > Tier.NONE:
            with Sandbox(minimum=Tier.NONE, gpu=self.settings.sandbox_gpu) as sandbox:
                why = sandbox.gpu_works()
            words += "+gpu" if not why else ""
            if why and not self._said:
                self._said = True
                _log.error("no GPU", why=why)
        return WorkerReport(environments=tuple(each.built for each in found), sandbox=words)

    @property
    def sandbox(self) -> Sandbox:
        """What holds code; made, and the machine tried, when it is first wanted.

        One process waits warm for the next run of an environment that was used. It may be handed
        granted files and what lies in `work`, and nothing else. Raises `TierTooLow`.
        """
        if self._sandbox is None:
            granted = self.settings.storage_dir and self.settings.storage_dir / "grants"
            staging = [self.work, *([granted] if granted and granted.is_dir() else [])]
            minimum = Tier.named(self.settings.sandbox_minimum_tier)
            self._sandbox = Sandbox(
                minimum=minimum, warm=1, staging=staging, gpu=self.settings.sandbox_gpu
            )
        return self._sandbox

    @property
    def work(self) -> Path:
        """A directory for what runs of code are given beside granted files."""
        if self._work is None:
            self._work = Path(tempfile.mkdtemp(prefix="carrel-code-"))
            self._work.chmod(0o711)  # code passes through as another user where we are root
        return self._work

    def close(self) -> None:
        self.presence.stop()
        if self._sandbox is not None:
            self._sandbox.close()
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)
        self.site.close()
