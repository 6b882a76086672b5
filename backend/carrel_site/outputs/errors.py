"""What outputs refuse."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class OutputChanged(SiteError):
    """What lies in the storage is not what was recorded: nothing of it leaves."""

    status, code, title = 409, ErrorCode.OUTPUT_CHANGED, "The stored output has changed"
    advice = "Withhold it, or restore the site's storage. The log says when this was found."
