"""What trying the site's settings refuses."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class EmailNotSet(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "E-mail is not set up"
    advice = "Set CARREL_SMTP_URL and CARREL_SMTP_FROM, and start the site again."


class EmailRefused(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "Not sent"
    advice = "Compare CARREL_SMTP_URL and CARREL_SMTP_FROM with what the mail server expects."
