"""Handing a result to the site until it has given a final answer."""

import random
import time
from collections.abc import Callable
from enum import StrEnum

from carrel_protocol.jobs import Failed, Job, Succeeded
from carrel_worker.lease import Lease
from carrel_worker.site_client import ClaimLost, Refused, SiteClient, Unreachable

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 2.0
_REASON_CHARACTERS = 20_000

Result = Succeeded | Failed


class Delivery(StrEnum):
    """How handing over a result ended."""

    ACCEPTED = "accepted"
    CLAIM_LOST = "claim_lost"
    REFUSED = "refused"
    SITE_LOST = "site_lost"
    GIVEN_UP = "given_up"


def failure(job: Job, reason: str) -> Failed:
    """A report for the owner, cut to what the protocol carries; its end says most."""
    return Failed(claim_token=job.claim_token, epoch=job.epoch, reason=reason[-_REASON_CHARACTERS:])


def deliver(
    site: SiteClient,
    job: Job,
    result: Result,
    lease: Lease,
    patience_seconds: float,
) -> Delivery:
    """Post `result` under the claim's own epoch and token until the answer is final.

    Nothing is computed again, so however often the site is asked it records one and the same
    output. A result that the site refuses as malformed is reported as a failure in its place.
    After `patience_seconds` without an answer the result is dropped: the lease then runs out and
    the site starts the run anew.
    """

    def post() -> None:
        if isinstance(result, Failed):
            site.failed(job.run_id, result)
        else:
            site.succeeded(job.run_id, result)

    outcome = _until_final(post, lease, patience_seconds)
    if outcome is Delivery.REFUSED and not isinstance(result, Failed):
        report = failure(job, "The site refused the worker's result as malformed.")
        _until_final(lambda: site.failed(job.run_id, report), lease, patience_seconds)
    return outcome


def _until_final(post: Callable[[], None], lease: Lease, patience_seconds: float) -> Delivery:
    give_up = time.monotonic() + patience_seconds
    wait = 0.0  # a connection that the site closed while idle is simply opened again
    while lease.ended is None:
        try:
            post()
        except ClaimLost:
            return Delivery.CLAIM_LOST
        except Refused:
            return Delivery.REFUSED
        except Unreachable:
            if time.monotonic() + wait > give_up:
                return Delivery.SITE_LOST
            lease.wait(wait * random.uniform(0.5, 1.0))  # noqa: S311 (spreads retries, no secret)
            wait = min(max(wait * 2, _FIRST_WAIT), _LONGEST_WAIT)
        else:
            return Delivery.ACCEPTED
    return Delivery.CLAIM_LOST
