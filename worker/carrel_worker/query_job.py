"""Running one claimed query: check, execute, hand over, hold the slot."""

import time
import traceback

from carrel_protocol.binding import PlanNotAllowed, check_plan
from carrel_protocol.jobs import QueryJob, QuerySucceeded
from carrel_protocol.privacy import MECHANISM_VERSION
from carrel_worker.delivery import Delivery, Result, deliver, failure
from carrel_worker.executors.query import execute
from carrel_worker.interrupter import Interrupted
from carrel_worker.lease import Lease
from carrel_worker.process import ChildProcess
from carrel_worker.slot import Slot
from carrel_worker.storage import Storage


class ContentChanged(Exception):
    """The content is not what its hash, and so every approval, is about."""


class OtherMechanism(Exception):
    """The content was priced for another version of the mechanisms than this worker's."""


class PlanNotNormal(Exception):
    """The plan does not fit the table, or is not in the form that the site approves and hashes."""


def run_query(job: QueryJob, slot: Slot, child: ChildProcess) -> Delivery:
    """Carry out `job`; returns when its slot's public time has come, whatever happened."""
    try:
        with Lease(child.site, child.heartbeat, job, child.interrupter.interrupt) as lease:
            try:
                with child.interrupter:
                    result = _result(job, child.storage)
            except Interrupted:
                return Delivery.CLAIM_LOST
            return deliver(child.site, job, result, lease, child.settings.result_patience_seconds)
    finally:
        slot.hold(child.shutdown.is_set)


def _result(job: QueryJob, storage: Storage) -> Result:
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        check_content(job)
        answer = execute(job.content, storage.verified(job.data))
    except Interrupted:
        raise
    except Exception:  # noqa: BLE001 (to a researcher every failure is the same failure)
        return failure(job, traceback.format_exc())
    return QuerySucceeded(
        claim_token=job.claim_token,
        epoch=job.epoch,
        answer=answer,
        cpu_ms=(time.process_time() - cpu) * 1000,
        wall_ms=(time.perf_counter() - wall) * 1000,
    )


def check_content(job: QueryJob) -> None:
    """Raise ContentChanged, OtherMechanism or PlanNotNormal unless what was approved would run.

    The site has bound the plan before it was priced; a plan that it could not have is not run.
    """
    if job.content.content_hash() != job.content_hash:
        raise ContentChanged("the job's content does not have the hash that was approved")
    if job.content.mechanism_version != MECHANISM_VERSION:
        raise OtherMechanism(
            f"the content asks for mechanisms {job.content.mechanism_version}, "
            f"this worker has {MECHANISM_VERSION}"
        )
    plan = job.content.plan
    try:
        normal = check_plan(plan, job.content.table)
    except PlanNotAllowed as refused:
        raise PlanNotNormal(str(refused)) from refused
    if normal != plan:
        raise PlanNotNormal("the plan is not its own normal form")
