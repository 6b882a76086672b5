"""The site itself: what anybody may know, and what its owner sees and tries."""

from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter

from carrel_protocol.api.site import EmailSent, SiteInfo, SiteSettings
from carrel_site.accounts import repository as accounts
from carrel_site.administration import health, settings_view
from carrel_site.administration.errors import EmailNotSet, EmailRefused
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.ids import new_id
from carrel_site.core.permissions import Permission
from carrel_site.events import mail
from carrel_site.events.smtp import Mailbox, NeverDelivered, NotDelivered

router = APIRouter(prefix="/api/v1", tags=["site"])

Owner = Annotated[Caller, require(Permission.SETTINGS_MANAGE)]


@router.get("/site")
def read_site(site: SiteDep) -> SiteInfo:
    """What a page needs to know before anybody has signed in."""
    return SiteInfo(
        name=site.settings.site_name,
        version=version("carrel"),
        has_owner=site.db.read(accounts.anybody),
        smtp=mail.possible(site.settings),
    )


@router.get("/settings", dependencies=[require(Permission.SETTINGS_MANAGE)])
def read_settings(site: SiteDep) -> SiteSettings:
    """The settings in force, without secrets, and how the site's parts are."""
    return SiteSettings(groups=settings_view.groups(site.settings), services=health.services(site))


@router.post("/settings/test_email")
def send_test_email(site: SiteDep, caller: Owner) -> EmailSent:
    """Send an e-mail to yourself at once, past the queue, and say what the mail server said."""
    mailbox = Mailbox.of(site.settings)
    if mailbox is None:
        raise EmailNotSet("This site sends no e-mail.")
    text = f"{site.settings.site_name} at {site.settings.site_url} can send e-mail.\n"
    try:
        mailbox.deliver(new_id("eml"), caller.email, "A test of e-mail", text)
    except (NotDelivered, NeverDelivered) as trouble:
        raise EmailRefused(f"The mail server did not take it: {trouble}") from trouble
    return EmailSent(to=caller.email)
