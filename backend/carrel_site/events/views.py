"""Notifications as they are shown."""

from carrel_protocol.api.events import Notification as NotificationView
from carrel_site.events.models import Notification


def notification(row: Notification) -> NotificationView:
    return NotificationView(
        id=row.id,
        kind=row.kind,
        title=row.title,
        body=row.body,
        link=row.link,
        subject=row.subject,
        at=row.at,
        read_at=row.read_at,
    )
