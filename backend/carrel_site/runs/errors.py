"""What runs refuse."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class ClaimLost(SiteError):
    """To a worker: this run is not, or no longer, yours. Final."""

    status, code, title = 409, ErrorCode.CLAIM_LOST, "Claim lost"


class Refused(Exception):
    """A run that no worker is given: it fails closed, and its owner is told why."""


class Tampered(Refused):
    """What is stored is not what was approved."""


class Lapsed(Refused):
    """What was approved is not allowed any more."""


class KindPaused(SiteError):
    status, code, title = 409, ErrorCode.KIND_PAUSED, "Paused"
    advice = "Ask the owner to look at the failures; they can lift the pause."
