"""The Celery side of a worker: how messages arrive and how children are kept.

`celery -A carrel_worker.celery_app worker --queues query,ingest --concurrency 2`

A message carries a run's id and nothing else, and its loss loses nothing: the run's row at the
site is the truth, and the site's reaper tells again of every run that waits. So messages are
taken without acknowledgement (there is no `unacked` set that could redeliver one hours later),
one per free child, and there is no result backend, no event stream and no remote control.
"""

import os
import sys
from typing import Any

# Before NumPy is first imported: its linear algebra would start threads, and a process with
# threads must not fork. What a query computes here is not linear algebra.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from celery import Celery, signals

from carrel_worker import environments, logs
from carrel_worker.process import ChildProcess
from carrel_worker.settings import (
    MissingCredential,
    SiteSecretsPresent,
    WorkerSettings,
    refuse_site_secrets,
)
from carrel_worker.shutdown import ShutdownFlag
from carrel_worker.tasks import CODE_QUEUES, QUEUES, TASK, run


def build(settings: WorkerSettings) -> Celery:
    """The application with its one task, for the one worker of this process."""
    app = Celery("carrel_worker", broker=settings.broker_url)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        task_create_missing_queues=False,
        task_default_queue=QUEUES[0],
        task_queues={name: {"exchange": name, "no_ack": True} for name in QUEUES},
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # A killed child's place is free again after a second, not ten.
        worker_lost_wait=1.0,
        # A child imports nothing, but it warms up, on a machine that may be busy.
        worker_proc_alive_timeout=60.0,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "priority_steps": [0],
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
    )
    shutdown = ShutdownFlag()
    credential = ""
    children: list[ChildProcess] = []
    runs_code = False

    def check(**_: Any) -> None:
        nonlocal credential
        try:
            refuse_site_secrets(os.environ)
            credential = settings.token
        except (MissingCredential, SiteSecretsPresent) as error:
            sys.exit(f"carrel worker: {error}")

    def configure_logging(**_: Any) -> None:
        logs.configure(settings.log_level)

    def note_queues(**_: Any) -> None:
        nonlocal runs_code
        runs_code = not CODE_QUEUES.isdisjoint(app.amqp.queues.consume_from)
        if runs_code:
            environments.ready(settings.environments_dir)

    def start_child(**_: Any) -> None:
        child = ChildProcess.start(settings, credential, shutdown, runs_code=runs_code)
        children[:] = [child]

    def stop_child(**_: Any) -> None:
        for child in children:
            child.close()

    def stop_soon(**_: Any) -> None:
        shutdown.set()

    def carry_out(run_id: object) -> None:
        run(children[0], run_id)

    signals.celeryd_init.connect(check, weak=False)
    signals.celeryd_after_setup.connect(note_queues, weak=False)
    signals.setup_logging.connect(configure_logging, weak=False)
    signals.worker_process_init.connect(start_child, weak=False)
    signals.worker_process_shutdown.connect(stop_child, weak=False)
    signals.worker_shutting_down.connect(stop_soon, weak=False)
    app.task(carry_out, name=TASK, ignore_result=True)
    return app


app = build(WorkerSettings())
