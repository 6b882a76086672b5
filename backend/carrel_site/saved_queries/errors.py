"""What saved queries refuse."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class QueryNameTaken(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "Name taken"
    advice = "Choose another name, or change the query that has this one."


class TooManySaved(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "Too many saved queries"
    advice = "Delete some that you need no more."
