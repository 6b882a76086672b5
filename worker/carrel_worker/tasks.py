"""The one task: claim a run by its id and carry out what the site says it is."""

import re
import time

import structlog

from carrel_protocol.jobs import BlackBoxJob, CodeJob, Job, MockCodeJob, MockJob, QueryJob
from carrel_worker.black_box_job import run_black_box
from carrel_worker.code_job import run_code
from carrel_worker.delivery import Delivery
from carrel_worker.ingest_job import run_ingest
from carrel_worker.mock_code_job import run_mock_code
from carrel_worker.mock_job import run_mock
from carrel_worker.process import ChildProcess
from carrel_worker.query_job import run_query
from carrel_worker.site_client import ClaimLost, Refused, SiteClient, Unreachable
from carrel_worker.slot import Slot

TASK = "carrel.run"
QUEUES = ("query", "ingest", "code", "mock", "black_box")
CODE_QUEUES = frozenset({"code", "mock", "black_box"})
"""Whoever serves these says what it can run, and what holds it."""

_CLAIM_PATIENCE_SECONDS = 5.0
_CLAIM_WAIT = 0.2
_RUN_ID = re.compile(r"run_[a-z0-9]{1,60}")

_log = structlog.get_logger("carrel_worker")


def run(child: ChildProcess, run_id: object) -> None:
    """Claim `run_id` and carry it out. Never raises for anything that a job can cause.

    A run that cannot be claimed is dropped: its row is the truth, and the site tells of it again
    if it still waits.
    """
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        _log.error("message refused")  # whoever can write to the broker may write anything
        return
    try:
        job = _claim(child.site, run_id)
    except ClaimLost:
        _log.info("run dropped", run=run_id, why="claim_lost")
        return
    except Refused as refusal:
        _log.error("run dropped", run=run_id, why=refusal.code, status=refusal.status)
        return
    except Unreachable as error:
        _log.warning("run dropped", run=run_id, why="site_lost", error=str(error))
        return
    delivery = _carry_out(job, child)
    _log.info("run over", run=run_id, epoch=job.epoch, delivery=str(delivery))


def _carry_out(job: Job, child: ChildProcess) -> Delivery:
    match job:
        case QueryJob():
            return run_query(job, Slot(job.deadline_ms), child)
        case MockJob():
            return run_mock(job, child)
        case BlackBoxJob():
            return run_black_box(job, Slot(job.deadline_ms), child)
        case CodeJob():
            return run_code(job, Slot(job.deadline_ms), child)
        case MockCodeJob():
            return run_mock_code(job, child)
        case _:
            return run_ingest(job, child)


def _claim(site: SiteClient, run_id: str) -> Job:
    """Claim, asking a site that cannot be reached for some seconds more."""
    give_up = time.monotonic() + _CLAIM_PATIENCE_SECONDS
    wait = 0.0
    while True:
        try:
            return site.claim(run_id)
        except Unreachable:
            if time.monotonic() + wait > give_up:
                raise
        time.sleep(wait)
        wait = _CLAIM_WAIT
