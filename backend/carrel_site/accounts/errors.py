"""What accounts refuse."""

from datetime import timedelta
from math import ceil
from types import MappingProxyType

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError, Unauthenticated


class SignInRefused(Unauthenticated):
    """The same for every cause, so that it tells nobody which e-mail addresses exist."""

    title = "Sign-in refused"
    advice = (
        "Check both. After ten wrong passwords in a row, sign-in pauses for 15 minutes; in a "
        "browser that you signed in with before, only its own count. A link to set a new password "
        "lets you in meanwhile: ask for one by mail, or ask an owner."
    )


class BrowserPaused(SiteError):
    """Said only to a browser in which this person has signed in before."""

    status, code, title = 429, ErrorCode.RATE_LIMITED, "Sign-in is paused"
    advice = "Wait so long, or ask for a link to set a new password."

    def __init__(self, pause: timedelta) -> None:
        minutes = ceil(pause.total_seconds() / 60)
        words = "a minute" if minutes <= 1 else f"{minutes} minutes"
        super().__init__(f"After ten wrong passwords, this browser has to wait {words}.")
        self.headers = MappingProxyType({"Retry-After": str(ceil(pause.total_seconds()))})


class WrongPassword(SiteError):
    status, code, title = 403, ErrorCode.WRONG_PASSWORD, "Wrong password"
    advice = "Check it; if you forgot it, sign out and ask for a link to set a new one."


class LinkInvalid(SiteError):
    """Alike for every cause: whoever has no valid link learns nothing about others'."""

    status, code, title = 404, ErrorCode.LINK_INVALID, "This link does not work"
    advice = "Each link works once and for a limited time; ask for a new one."


class GroupInUse(SiteError):
    status, code, title = 409, ErrorCode.GROUP_IN_USE, "Group in use"
    advice = "A rule names it, and no rule is met by deleting what it asks for: change that first."


class SetupDone(SiteError):
    status, code, title = 409, ErrorCode.SETUP_DONE, "Already set up"
    advice = "Sign in, or ask an owner of this site for an account."


class SetupTokenRefused(SiteError):
    status, code, title = 403, ErrorCode.FORBIDDEN, "Setup token refused"
    advice = "Use the token that `carrel up` printed; it is in the file setup_token of the secrets."


class EmailTaken(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "E-mail address taken"
    advice = "Each person has one account; change that one."


class LastOwner(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "The last owner"
    advice = "Make somebody else an owner first."


class ScopesExceeded(SiteError):
    status, code, title = 403, ErrorCode.FORBIDDEN, "Scopes exceeded"
    advice = "Create it with a key, or by signing in, that has these scopes itself."


class PersonInactive(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "Deactivated"
    advice = "Activate this person first."
