"""The site itself: what anybody may know of it, and what its owner sees."""

from datetime import datetime

from carrel_protocol.base import Received


class SiteInfo(Received):
    """What is told before anybody has signed in."""

    name: str
    version: str
    has_owner: bool
    smtp: bool
    """Whether the site sends e-mail: invitations and resets then arrive by themselves."""


class Setting(Received):
    """One setting as it is in force. Passwords in it are left out."""

    name: str
    """The environment variable."""
    value: str
    default: str
    changed: bool
    """Whether it differs from its default."""
    description: str


class SettingGroup(Received):
    title: str
    settings: tuple[Setting, ...]


class ServiceHealth(Received):
    name: str
    healthy: bool
    detail: str
    advice: str | None = None
    at: datetime | None = None
    """When it was last heard of, where that is known."""


class SiteSettings(Received):
    """For the owner: the settings in force, and how the site's parts are."""

    groups: tuple[SettingGroup, ...]
    services: tuple[ServiceHealth, ...]


class EmailSent(Received):
    """A test message that was handed over for sending."""

    to: str
