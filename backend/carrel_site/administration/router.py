"""The site itself: what anybody may know, and what its owner sees and tries."""

from importlib.metadata import version

from fastapi import APIRouter

from carrel_protocol.api.site import SiteInfo, SiteSettings
from carrel_site.accounts import repository as accounts
from carrel_site.administration import health, settings_view
from carrel_site.core.http import SiteDep, require
from carrel_site.core.permissions import Permission

router = APIRouter(prefix="/api/v1", tags=["site"])


@router.get("/site")
def read_site(site: SiteDep) -> SiteInfo:
    """What a page needs to know before anybody has signed in."""
    return SiteInfo(
        name=site.settings.site_name,
        version=version("carrel"),
        has_owner=site.db.read(accounts.anybody),
        smtp=bool(getattr(site.settings, "smtp_url", None)),
    )


@router.get("/settings", dependencies=[require(Permission.SETTINGS_MANAGE)])
def read_settings(site: SiteDep) -> SiteSettings:
    """The settings in force, without secrets, and how the site's parts are."""
    return SiteSettings(groups=settings_view.groups(site.settings), services=health.services(site))
