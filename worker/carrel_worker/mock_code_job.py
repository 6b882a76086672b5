"""Running one claimed program on made-up rows: all that it reads came with it."""

import base64
import traceback

from carrel_protocol.jobs import MockCodeEnded, MockCodeJob, MockItem
from carrel_worker.attempts import BEAT_SECONDS
from carrel_worker.code_job import Stopped, go_on
from carrel_worker.delivery import Delivery, Result, deliver, failure
from carrel_worker.executors.code import prepare
from carrel_worker.executors.code.errors import CodeRefused
from carrel_worker.executors.code.run import run
from carrel_worker.lease import Lease
from carrel_worker.process import ChildProcess


def run_mock_code(job: MockCodeJob, child: ChildProcess) -> Delivery:
    """Carry out `job`; the end of the claim, and of the worker, kill the code at once."""
    with Lease(child.site, child.heartbeat, job, beat_seconds=BEAT_SECONDS) as lease:
        try:
            result = _result(job, child, lease)
        except Stopped:
            return Delivery.CLAIM_LOST if lease.ended else Delivery.GIVEN_UP
        return deliver(child.site, job, result, lease, child.settings.result_patience_seconds)


def _result(job: MockCodeJob, child: ChildProcess, lease: Lease) -> Result:
    def stopped() -> bool:
        return lease.ended is not None or child.shutdown.is_set()

    try:
        with prepare.made_up(job.code, child.settings.environments_dir, child.work) as prepared:
            ran = run(child.sandbox, prepared, stopped)
            go_on(stopped)
    except Stopped:
        raise
    except CodeRefused as error:
        return failure(job, f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 (whatever went wrong, the owner is told and the slot is free)
        return failure(job, traceback.format_exc())
    return MockCodeEnded(
        claim_token=job.claim_token,
        epoch=job.epoch,
        report=ran.report,
        items=tuple(
            MockItem(item=each.item, content=base64.b64encode(each.content).decode())
            for each in ran.results
        ),
    )
