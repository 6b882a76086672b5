"""What a site has, as nouns: `site.datasets`, `site.requests`, … Nothing is fetched until used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from carrel._dataset import Dataset
from carrel._errors import NotFound
from carrel._made import made
from carrel._pages import Page, fetch_page
from carrel._paths import quoted
from carrel._request import Request, RequestData
from carrel._run import Run
from carrel_protocol.api import accounts, budgets, common
from carrel_protocol.api import datasets as dataset_wire
from carrel_protocol.api import requests as request_wire
from carrel_protocol.api.audit import AuditEvent
from carrel_protocol.schema import TableSchema

if TYPE_CHECKING:
    from carrel._site import Site

Item = TypeVar("Item")
Names = list[str]


class Resource(Generic[Item]):
    """A list at the site. Iterating it goes through every page."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __iter__(self) -> Iterator[Item]:
        return iter(self._first())

    def _first(self) -> Page[Item]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} of {self._site.url}>"


class Datasets(Resource[Dataset]):
    """The datasets you have access to: iterate, or look one up by name or id."""

    def create(
        self,
        name: str,
        population: dataset_wire.Population | str,
        table: TableSchema | Mapping[str, Any],
        *,
        title: str = "",
        description: str = "",
        policy: dataset_wire.DatasetPolicy | Mapping[str, Any] | None = None,
        terms: str = "",
    ) -> Dataset:
        """Register a dataset by its public metadata, as the owner. upload() brings its data.

        Raises `InvalidInput` for metadata that make no sense.
        """
        body = made(
            dataset_wire.DatasetCreate,
            name=name,
            population=population if isinstance(population, str) else population.id,
            table=table,
            title=title,
            description=description,
            policy=policy or dataset_wire.DatasetPolicy(),
            terms=terms,
        )
        data = self._site._http.write("POST", "datasets", body, dataset_wire.Dataset)
        return Dataset(self._site, data)

    def list(
        self,
        search: str | None = None,
        *,
        population: str | None = None,
        ready: bool | None = None,
        limit: int | None = None,
    ) -> Page[Dataset]:
        """A page of `limit` datasets; iterating it goes on to the next.

        search: words in their names, titles, descriptions or columns. population: whom they are
        about, by name or id. ready: only those that answer (or that do not).
        """
        return fetch_page(
            self._site._http,
            "datasets",
            dataset_wire.Dataset,
            lambda data: Dataset(self._site, data),
            {"q": search, "population": population, "ready": ready, "limit": limit},
        )

    def get(self, ref: str) -> Dataset:
        """By name or id. Raises `NotFound`."""
        try:
            data, etag = self._site._http.get_tagged(
                f"datasets/{quoted(ref)}", dataset_wire.Dataset
            )
        except NotFound as error:
            error.advice = "[ds.name for ds in site.datasets] are the ones you have access to."
            raise
        return Dataset(self._site, data, etag)

    def __getitem__(self, ref: str) -> Dataset:
        return self.get(ref)

    def _first(self) -> Page[Dataset]:
        return self.list()

    def _ipython_key_completions_(self) -> Names:
        return [dataset.name for dataset in self]


class Requests(Resource[Request]):
    """What you asked, newest first; for staff, what everybody asked."""

    def list(
        self,
        *,
        state: str | None = None,
        dataset: Dataset | str | None = None,
        limit: int | None = None,
    ) -> Page[Request]:
        """A page of requests in `state`, to `dataset` (or its name or id)."""
        ref = dataset.id if isinstance(dataset, Dataset) else dataset
        return fetch_page(
            self._site._http,
            "requests",
            request_wire.RequestSummary,
            lambda summary: request_of(self._site, None, summary),
            {"state": state, "dataset": ref, "limit": limit},
        )

    def get(self, request_id: str) -> Request:
        """Raises `NotFound`."""
        data = self._site._http.get(f"requests/{quoted(request_id)}", RequestData)
        return request_of(self._site, data)

    def __getitem__(self, request_id: str) -> Request:
        return self.get(request_id)

    def _first(self) -> Page[Request]:
        return self.list()


def request_of(
    site: Site, data: RequestData | None, summary: request_wire.RequestSummary | None = None
) -> Request:
    """A request, of the class that its kind has."""
    brief = data or summary
    if brief is not None and brief.kind == "code":
        from carrel._code_request import CodeRequest  # noqa: PLC0415 (most need none)

        return CodeRequest(site, data, summary)
    if brief is not None and brief.kind == "black_box":
        from carrel._black_box import BlackBoxRequest  # noqa: PLC0415

        return BlackBoxRequest(site, data, summary)
    return Request(site, data, summary)


class Runs:
    """Runs, by id. They belong to requests: `site.requests` lists those."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def get(self, run_id: str) -> Run:
        """Raises `NotFound`."""
        data = self._site._http.get(f"runs/{quoted(run_id)}", request_wire.Run)
        return Run(self._site, data)

    def __getitem__(self, run_id: str) -> Run:
        return self.get(run_id)


class Keys(Resource[accounts.ApiKey]):
    """Your own API keys; ended ones too."""

    def list(self, *, limit: int | None = None) -> Page[accounts.ApiKey]:
        return fetch_page(
            self._site._http, "keys", accounts.ApiKey, lambda key: key, {"limit": limit}
        )

    def create(
        self,
        label: str,
        *,
        scopes: tuple[str, ...] = ("read", "ask"),
        expires_in_days: int = 90,
    ) -> accounts.ApiKeyWithSecret:
        """A new key; its `secret` is shown this once. No scope that the key you use lacks."""
        return _create_key(self._site, "keys", label, scopes, expires_in_days)

    def revoke(self, key_id: str) -> None:
        """End a key at once."""
        self._site._http.delete(f"keys/{quoted(key_id)}")

    def _first(self) -> Page[accounts.ApiKey]:
        return self.list()


class Populations(Resource[dataset_wire.Population]):
    """For staff: the sets of people that datasets are about, and their budgets."""

    def list(self, *, limit: int | None = None) -> Page[dataset_wire.Population]:
        return fetch_page(
            self._site._http,
            "populations",
            dataset_wire.Population,
            lambda population: population,
            {"limit": limit},
        )

    def get(self, ref: str) -> dataset_wire.Population:
        """By name or id. Raises `NotFound`."""
        return self._site._http.get(f"populations/{quoted(ref)}", dataset_wire.Population)

    def __getitem__(self, ref: str) -> dataset_wire.Population:
        return self.get(ref)

    def create(
        self,
        name: str,
        *,
        together: dataset_wire.BudgetLimits | float,
        each: dataset_wire.BudgetLimits | float,
        description: str = "",
    ) -> dataset_wire.Population:
        """Declare a set of people, as the owner, with two budgets (limits, or an epsilon alone):
        for everybody together, which holds even if they collude, and for each researcher."""
        body = made(
            dataset_wire.PopulationCreate,
            name=name,
            description=description,
            together=_limits(together),
            each=_limits(each),
        )
        return self._site._http.write("POST", "populations", body, dataset_wire.Population)

    def accounts(self, population: dataset_wire.Population | str) -> Page[budgets.Account]:
        """Every account at a population, its own (everyone together) first."""
        ref = population if isinstance(population, str) else population.id
        path = f"populations/{quoted(ref)}/accounts"
        return fetch_page(self._site._http, path, budgets.Account, lambda account: account)

    def entries(self, account: budgets.Account | str) -> Page[budgets.LedgerEntry]:
        """An account's ledger, newest first. Your own is site.budget(dataset).mine."""
        ref = account if isinstance(account, str) else account.id
        path = f"accounts/{quoted(ref)}/entries"
        return fetch_page(self._site._http, path, budgets.LedgerEntry, lambda entry: entry)

    def raise_limit(
        self, account: budgets.Account | str, epsilon: float, reason: str
    ) -> budgets.Account:
        """Raise an account's epsilon, as the owner. Its earlier limits stay on its statement."""
        ref = account if isinstance(account, str) else account.id
        return self._site._http.write(
            "POST",
            f"accounts/{quoted(ref)}/raise",
            budgets.Raise(epsilon=epsilon, reason=reason),
            budgets.Account,
        )

    def _first(self) -> Page[dataset_wire.Population]:
        return self.list()


class Users(Resource[accounts.User]):
    """For staff: everybody who has an account on the site."""

    def list(self, *, limit: int | None = None) -> Page[accounts.User]:
        return fetch_page(
            self._site._http, "users", accounts.User, lambda user: user, {"limit": limit}
        )

    def get(self, user_id: str) -> accounts.User:
        """Raises `NotFound`."""
        return self._site._http.get(f"users/{quoted(user_id)}", accounts.User)

    def __getitem__(self, user_id: str) -> accounts.User:
        return self.get(user_id)

    def _first(self) -> Page[accounts.User]:
        return self.list()

    def create(self, name: str, email: str, role: str, password: str) -> accounts.User:
        """Add a person, as the owner, with a first password that they get from you."""
        # Written out, because a model would mask the password.
        body = {"name": name, "email": email, "role": role, "password": password}
        return self._site._http.write("POST", "users", body, accounts.User)

    def create_key(
        self,
        user: accounts.User | str,
        label: str,
        *,
        scopes: tuple[str, ...] = ("read", "ask"),
        expires_in_days: int = 90,
    ) -> accounts.ApiKeyWithSecret:
        """A key for somebody else, as the owner; its `secret` is shown this once."""
        ref = user if isinstance(user, str) else user.id
        return _create_key(self._site, f"users/{quoted(ref)}/keys", label, scopes, expires_in_days)

    def deactivate(self, user: accounts.User | str) -> accounts.User:
        """End a person's access and all their keys, as the owner. What they spent stays spent."""
        ref = user if isinstance(user, str) else user.id
        body = accounts.UserUpdate(active=False)
        return self._site._http.write("PATCH", f"users/{quoted(ref)}", body, accounts.User)


class Audit(Resource[AuditEvent]):
    """The audit log. Iterate for its events (owners and auditors)."""

    def list(self, *, limit: int | None = None) -> Page[AuditEvent]:
        return fetch_page(
            self._site._http, "audit/events", AuditEvent, lambda event: event, {"limit": limit}
        )

    def head(self) -> common.SignedHead:
        """The log's newest signed head: keep it, and nothing before it can change unnoticed."""
        return self._site._http.get("audit/head", common.SignedHead)

    def _first(self) -> Page[AuditEvent]:
        return self.list()


def _create_key(
    site: Site, path: str, label: str, scopes: tuple[str, ...], expires_in_days: int
) -> accounts.ApiKeyWithSecret:
    body = made(accounts.KeyCreate, label=label, scopes=scopes, expires_in_days=expires_in_days)
    return site._http.write("POST", path, body, accounts.ApiKeyWithSecret, repeatable=False)


def _limits(limits: dataset_wire.BudgetLimits | float) -> dataset_wire.BudgetLimits:
    if isinstance(limits, dataset_wire.BudgetLimits):
        return limits
    return made(dataset_wire.BudgetLimits, epsilon=limits)
