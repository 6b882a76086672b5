"""Links that let people in."""

from carrel_site.settings import Settings


def link_to(settings: Settings, page: str, token: str) -> str:
    """A link to a page of the console, with its token behind the `#`.

    Browsers keep what follows the `#` to themselves: the token reaches no server's log and no
    Referer header.
    """
    return f"{settings.site_url.rstrip('/')}/{page}#{token}"
