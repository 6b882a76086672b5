"""What one child of the worker holds, from its fork to its end."""

import gc
import os
import signal

import structlog

from carrel_protocol.jobs import WorkerReport
from carrel_worker import environments
from carrel_worker.heartbeat import Heartbeat
from carrel_worker.interrupter import Interrupter
from carrel_worker.presence import Presence
from carrel_worker.sandbox import Sandbox, Tier
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

    def __init__(self, settings: WorkerSettings, credential: str, shutdown: ShutdownFlag) -> None:
        self.settings = settings
        self.shutdown = shutdown
        self.site = SiteClient(settings.site_url, credential)
        self.storage = Storage(settings.storage_dir)
        self.interrupter = Interrupter()
        self.heartbeat = Heartbeat()
        self.sandbox = Sandbox(minimum=Tier[settings.sandbox_minimum_tier.upper()])
        self.presence = Presence(self.site, self.report)

    @classmethod
    def start(
        cls, settings: WorkerSettings, credential: str, shutdown: ShutdownFlag
    ) -> "ChildProcess":
        """Take this freshly forked process into service, warm.

        A process that cannot answer a made-up question claims nothing: it ends the worker.
        """
        # Celery has asked the kernel to kill this process when its parent ends
        # (PR_SET_PDEATHSIG); a parent that ended before that is found out here.
        if os.getppid() != _PARENT:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            child = cls(settings, credential, shutdown)
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
        return WorkerReport(
            environments=tuple(each.built for each in found), sandbox=self.sandbox.probe.words()
        )

    def close(self) -> None:
        self.presence.stop()
        self.site.close()
