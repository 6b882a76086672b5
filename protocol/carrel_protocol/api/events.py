"""What people are told: notifications, the stream of changes, and what waits for them."""

from datetime import datetime
from typing import Literal

from carrel_protocol.api.accounts import Label
from carrel_protocol.api.common import Person
from carrel_protocol.api.requests import OutputState, RequestState, RunState
from carrel_protocol.base import Received, Sent

EmailPreference = Literal["all", "important", "none"]
"""`important`: what waits for the person, and how their own requests ended."""


class Notification(Received):
    """One thing that its reader was told."""

    id: str
    kind: str
    """Such as `request.returned`; a client that does not know a kind shows its title."""
    title: str
    body: str
    link: str
    """A path of the console."""
    subject: str
    """The id of what it is about."""
    at: datetime
    read_at: datetime | None


class NotificationsRead(Received):
    """How many notifications were marked as read."""

    marked: int


class MeUpdate(Sent):
    """What a person may change about themselves."""

    name: Label | None = None
    email_notifications: EmailPreference | None = None


class RequestChanged(Received):
    """`request`: it changed; read it again."""

    id: str
    state: RequestState


class RunChanged(Received):
    """`run`: it was queued or has publicly ended; nothing is told in between."""

    id: str
    request_id: str
    state: RunState


class OutputChanged(Received):
    """`output`: what code returned waits for its reader's decision, or was decided."""

    id: str
    """The run's."""
    request_id: str
    state: OutputState


class DatasetChanged(Received):
    """`dataset`: what it says, who may use it or, for owners and auditors, its versions."""

    id: str


class WorkItem(Received):
    """Something that waits for somebody, or that happened."""

    kind: str
    title: str
    link: str
    at: datetime
    subject: str
    body: str = ""
    """More of it: what a question is for."""


class LowBudget(Received):
    """An account that has a tenth or less left."""

    account_id: str
    population_id: str
    population: str
    person: Person | None
    """None: everyone together."""
    share_left: float
    link: str


class WorkerHealth(Received):
    id: str
    name: str
    queues: tuple[str, ...]
    last_seen_at: datetime | None
    healthy: bool
    """It was heard from within the last two minutes; a worker that has nothing to do calls too."""


class HomeCounts(Received):
    """Each counts to 1000 at most. None: not the caller's to know."""

    to_review: int
    mine_open: int
    unread: int
    failed_runs: int
    """That publicly failed in the last 30 days: one's own, or all for owners and auditors."""
    overran_runs: int | None
    """That took longer than predicted in the last 30 days: for owners and auditors."""


class Home(Received):
    """What the first page of the console shows."""

    waiting: tuple[WorkItem, ...]
    """Longest waiting first."""
    changed: tuple[WorkItem, ...]
    """Newest first."""
    budgets_low: tuple[LowBudget, ...]
    workers: tuple[WorkerHealth, ...]
    """For owners."""
    counts: HomeCounts
