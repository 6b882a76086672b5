"""Against other sites' pages: a browser sends its cookies, whoever wrote the page that asks.

Three walls, each enough by itself: the cookies are SameSite=Strict; a browser says where a request
comes from (Sec-Fetch-Site, Origin), and one from elsewhere is refused; and a write carries a token
that only a page of this site can have read.
"""

from urllib.parse import urlsplit

from fastapi import Request

from carrel_protocol.canonical import tagged_hmac
from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError
from carrel_site.core.security import same
from carrel_site.settings import Settings

HEADER = "X-CSRF-Token"
SAFE = {"GET", "HEAD", "OPTIONS"}
_OWN = {"same-origin", "none"}


class CsrfFailed(SiteError):
    status, code, title = 403, ErrorCode.CSRF_FAILED, "Not from this site's page"
    advice = "Send the `csrf_token` of GET /api/v1/session in the header X-CSRF-Token."


def token_of(settings: Settings, session_id: str) -> str:
    """What proves that a page could read an answer given to this session."""
    return tagged_hmac(settings.site_key, "csrf/1", session_id)


def check(request: Request, settings: Settings, session_id: str) -> None:
    """Raise `CsrfFailed` for a write by cookie that no page of this site can have sent."""
    if request.method in SAFE:
        return
    refuse_other_sites(request, settings)
    if not same(request.headers.get(HEADER, ""), token_of(settings, session_id)):
        raise CsrfFailed("This write lacks its session's token.")


def refuse_other_sites(request: Request, settings: Settings) -> None:
    """Raise `CsrfFailed` if a browser says that another site's page sent this.

    For what sets cookies too, so that nobody can be signed in as somebody else unawares.
    """
    fetched = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if fetched is not None and fetched not in _OWN:
        raise CsrfFailed("Another site's page sent this.", advice="Use this site's own console.")
    if origin is not None and not _is_here(origin, request, settings):
        raise CsrfFailed(
            f"A page of {origin[:200]!r} sent this, and this site is {settings.site_url}.",
            advice="Use this site's own console, or set CARREL_SITE_URL to its address.",
        )


def _is_here(origin: str, request: Request, settings: Settings) -> bool:
    """Whether `origin` is the address that was asked, or the site's own behind a proxy."""
    try:
        theirs, ours = urlsplit(origin), urlsplit(settings.site_url)
    except ValueError:
        return False
    if not theirs.netloc or (ours.scheme == "https" and theirs.scheme != "https"):
        return False
    return theirs.netloc in (ours.netloc, request.headers.get("host"))
