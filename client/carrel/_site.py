"""A connection to one site."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from carrel._dataset import Dataset
from carrel._errors import ConfigurationError
from carrel._http import Http, RetryPolicy, setting
from carrel._pages import fetch_all
from carrel._paths import quoted
from carrel._price import Budget
from carrel._resources import Audit, Datasets, Keys, Populations, Requests, Runs, Users
from carrel_protocol.api.accounts import User
from carrel_protocol.api.code import Environment

if TYPE_CHECKING:
    import httpx


def connect(
    url: str | None = None,
    key: str | None = None,
    *,
    timeout: float = 30.0,
    retries: int = 4,
    transport: httpx.BaseTransport | None = None,
) -> Site:
    """A site, ready to be asked. Nothing is sent yet.

    url, key: the site's address and your API key; left out, they are CARREL_URL and
    CARREL_API_KEY. timeout: seconds that one call may take. retries: how often a call is tried
    again after a lost connection, or when the site is busy. transport: instead of the network, an
    httpx transport, such as one that calls an application in this process.

    Raises `ConfigurationError` when one is missing or cannot be right.
    """
    url = url or setting("CARREL_URL")
    key = key or setting("CARREL_API_KEY")
    if not url:
        raise ConfigurationError(
            "No site was named.",
            advice="Pass it, carrel.connect('https://…', key='…'), or set CARREL_URL.",
        )
    if not key:
        raise ConfigurationError(
            "No API key was given.",
            advice="Pass it, carrel.connect(url, key='…'), or set CARREL_API_KEY.",
        )
    retry = RetryPolicy(retries=retries)
    return Site(Http(url, key, timeout=timeout, transport=transport, retry=retry))


class Site:
    """One site, as one person. Close it, or use it in a `with` statement."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def url(self) -> str:
        return self._http.url

    @cached_property
    def me(self) -> User:
        """Who the key belongs to."""
        return self._http.get("me", User)

    @cached_property
    def datasets(self) -> Datasets:
        """The datasets you have access to."""
        return Datasets(self)

    @cached_property
    def requests(self) -> Requests:
        """What you asked; for reviewers and owners, what everybody asked."""
        return Requests(self)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self)

    def budget(self, dataset: Dataset | str) -> Budget:
        """What is left for you at a dataset (or its name or id); read now.

        Raises `NoBudget` where you have no account.
        """
        ref = dataset.id if isinstance(dataset, Dataset) else dataset
        return self._http.get(f"datasets/{quoted(ref)}/budget", Budget)

    @cached_property
    def keys(self) -> Keys:
        """Your own API keys."""
        return Keys(self)

    @cached_property
    def populations(self) -> Populations:
        """For staff: the sets of people that datasets are about."""
        return Populations(self)

    @cached_property
    def users(self) -> Users:
        """For staff: everybody who has an account."""
        return Users(self)

    @cached_property
    def audit(self) -> Audit:
        """The audit log: its signed head for everybody, its events for owners and auditors."""
        return Audit(self)

    def close(self) -> None:
        self._http.close()

    @property
    def environments(self) -> list[Environment]:
        """The sets of packages that code may import there, as they are now."""
        return fetch_all(self._http, "environments", Environment)

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Site({self.url!r})"
