"""Every kind of notification, and which of them a person may want by e-mail."""

from enum import StrEnum


class Kind(StrEnum):
    REQUEST_SUBMITTED = "request.submitted"
    REQUEST_APPROVED = "request.approved"
    REQUEST_OVER_BUDGET = "request.over_budget"
    REQUEST_RETURNED = "request.returned"
    REQUEST_REJECTED = "request.rejected"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_COMMENTED = "request.commented"
    RUN_ANSWERED = "run.answered"
    RUN_HELD = "run.held"
    RUN_FAILED = "run.failed"
    RUN_EXPIRED = "run.expired"
    OUTPUT_HELD = "output.held"
    OUTPUT_RELEASED = "output.released"
    OUTPUT_WITHHELD = "output.withheld"
    ACCESS_GIVEN = "access.given"
    ACCESS_TAKEN = "access.taken"
    LIMIT_RAISED = "limit.raised"
    BUDGET_LOW = "budget.low"
    VERSION_READY = "version.ready"
    VERSION_FAILED = "version.failed"
    WORKER_SILENT = "worker.silent"


IMPORTANT = frozenset(
    {
        Kind.REQUEST_SUBMITTED,
        Kind.REQUEST_OVER_BUDGET,
        Kind.REQUEST_RETURNED,
        Kind.REQUEST_REJECTED,
        Kind.REQUEST_EXPIRED,
        Kind.RUN_ANSWERED,
        Kind.RUN_HELD,
        Kind.RUN_FAILED,
        Kind.RUN_EXPIRED,
        Kind.OUTPUT_HELD,
        Kind.OUTPUT_RELEASED,
        Kind.OUTPUT_WITHHELD,
        Kind.ACCESS_GIVEN,
        Kind.VERSION_FAILED,
        Kind.WORKER_SILENT,
    }
)
"""What waits for its reader, or ends what they wait for."""
