"""The two cookies: the session's, and the one by which a browser is known.

Both hold random secrets that no script can read (HttpOnly) and no other site's page can have sent
(SameSite=Strict). Over https their names begin with `__Host-`: a browser then takes them from this
host alone, so that no neighbouring subdomain can plant a session of its own here.
"""

from datetime import timedelta
from typing import Final, Literal

from fastapi import Request, Response

from carrel_site.settings import Settings

SESSION: Final = "carrel_session"
DEVICE: Final = "carrel_device"
_DEVICE_KEPT = timedelta(days=365)

Kind = Literal["carrel_session", "carrel_device"]


def read(request: Request, settings: Settings, kind: Kind) -> str | None:
    return request.cookies.get(_name(settings, kind))


def keep(response: Response, settings: Settings, *, session: str | None, device: str) -> None:
    """Have the browser keep its secrets; `session` None leaves it as signed out as it was."""
    if session is not None:
        _set(response, settings, SESSION, session, timedelta(hours=settings.session_hours))
    _set(response, settings, DEVICE, device, _DEVICE_KEPT)


def forget_session(response: Response, settings: Settings) -> None:
    response.delete_cookie(
        _name(settings, SESSION),
        path="/",
        secure=_https(settings),
        httponly=True,
        samesite="strict",
    )


def _set(response: Response, settings: Settings, kind: Kind, secret: str, kept: timedelta) -> None:
    response.set_cookie(
        _name(settings, kind),
        secret,
        max_age=int(kept.total_seconds()),
        path="/",
        secure=_https(settings),
        httponly=True,
        samesite="strict",
    )


def _name(settings: Settings, kind: Kind) -> str:
    return f"__Host-{kind}" if _https(settings) else kind


def _https(settings: Settings) -> bool:
    return settings.site_url.startswith("https:")
