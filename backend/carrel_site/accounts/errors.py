"""What accounts refuse."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError, Unauthenticated


class SignInRefused(Unauthenticated):
    """The same for every cause, so that it tells nobody which e-mail addresses exist."""

    title = "Sign-in refused"
    advice = (
        "Check both. After ten wrong passwords in a row, sign-in pauses for 15 minutes; "
        "an owner can make you a key meanwhile."
    )


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
