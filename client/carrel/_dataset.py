"""Datasets: what a researcher sees of one, and where questions to it begin."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from carrel._display import html_table, number, printable, shortened, text_fields
from carrel._errors import ContentChanged
from carrel._made import made
from carrel._pages import Page, fetch_all, fetch_page
from carrel._paths import quoted
from carrel._price import Budget
from carrel._privacy import Bounds, privacy_target, unit_bounds
from carrel._query import Query, QueryBuilder
from carrel._schema import MockTable, Schema
from carrel._uploads import upload
from carrel_protocol.api import datasets as wire
from carrel_protocol.schema import TableSchema

if TYPE_CHECKING:
    from carrel._site import Site


class Dataset:
    """A dataset: what its owner declares about it. Its rows never leave the site."""

    def __init__(self, site: Site, data: wire.Dataset, etag: str | None = None) -> None:
        self._site = site
        self._etag = etag
        self.data = data
        """As the site sent it."""

    @property
    def id(self) -> str:
        return self.data.id

    @property
    def name(self) -> str:
        return self.data.name

    @property
    def title(self) -> str:
        return self.data.title

    @property
    def description(self) -> str:
        return self.data.description

    @property
    def population(self) -> str:
        """The set of people that it is about; datasets about the same people share a budget."""
        return self.data.population

    @property
    def policy(self) -> wire.DatasetPolicy:
        """What is approved at once, and how many people it takes otherwise."""
        return self.data.policy

    @property
    def ready(self) -> bool:
        """Whether it has a version that answers."""
        return self.data.version_id is not None

    @cached_property
    def schema(self) -> Schema:
        """Columns, their public domains, and how much of one unit's data an answer uses."""
        return Schema(self.data.table)

    @property
    def budget(self) -> Budget:
        """What is left for you here; read now."""
        return self._site.budget(self)

    def mock(self, rows: int = 100, seed: int = 0) -> MockTable:
        """Rows made up from the public metadata alone; the same `seed` makes the same rows."""
        got = self._site._http.get(
            f"datasets/{self.id}/mock", wire.Mock, params={"rows": rows, "seed": seed}
        )
        return MockTable(got)

    def sql(
        self,
        text: str,
        *,
        epsilon: float | None = None,
        rho: float | None = None,
        within: float | None = None,
        confidence: float | None = None,
        bounds: Bounds | None = None,
    ) -> Query:
        """A question in SQL: SELECT COUNT(*), SUM, AVG … FROM this dataset WHERE … GROUP BY ….

        The privacy arguments are those of `Query.with_privacy`. Nothing is sent yet.
        """
        return Query(
            self,
            sql=text,
            target=privacy_target(epsilon, rho, within, confidence),
            bounds=unit_bounds(bounds),
        )

    def query(self) -> QueryBuilder:
        """A question in Python: query().where(…).group_by(…).agg(…)."""
        return QueryBuilder(self)

    @property
    def versions(self) -> Page[wire.DatasetVersion]:
        """For the owner and auditors: what was uploaded, newest first, with its private sizes."""
        path = f"datasets/{self.id}/versions"
        return fetch_page(self._site._http, path, wire.DatasetVersion, lambda version: version)

    def upload(
        self,
        source: str | os.PathLike[str] | bytes,
        *,
        format: str | None = None,  # noqa: A002 (the word the API uses)
        timeout: float = 600.0,
        progress: bool | None = None,
    ) -> wire.DatasetVersion:
        """Bring the data, as the owner: a file, or its bytes, as csv, csv.gz or parquet.

        It goes in pieces: after a lost connection, in this call or in an earlier one, the same
        file goes on where it was. Waits until a worker has laid it out, and the dataset answers
        from it. Raises `IngestFailed`, or `WaitTimeout` after `timeout` seconds of that.
        """
        return upload(self._site._http, self.id, source, format, "version", timeout, progress)

    def upload_mock(
        self,
        source: str | os.PathLike[str] | bytes,
        *,
        format: str | None = None,  # noqa: A002 (the word the API uses)
        timeout: float = 600.0,
        progress: bool | None = None,
    ) -> wire.MockCheck:
        """Bring made-up rows for others to see in place of generated ones, as the owner.

        Every value has to be in its column's domain. Researchers get the rows once they were
        compared with the private ones and are no more like them than chance explains; what comes
        back is that comparison, which is yours alone. Raises `IngestFailed`, `WaitTimeout`.
        """
        upload(self._site._http, self.id, source, format, "mock", timeout, progress)
        return self.mock_check

    @property
    def mock_check(self) -> wire.MockCheck:
        """For the owner: how the uploaded mock compares with the private rows."""
        return self._site._http.get(f"datasets/{self.id}/mock/check", wire.MockCheck)

    def accept_mock(self, reason: str) -> wire.MockCheck:
        """Let researchers have a mock although rows of it are like private ones, as the owner."""
        body = made(wire.MockAcceptance, version_id=self.mock_check.version_id, reason=reason)
        path = f"datasets/{self.id}/mock/accept"
        return self._site._http.write("POST", path, body, wire.MockCheck)

    def remove_mock(self) -> None:
        """Go back to generated rows, as the owner."""
        self._site._http.delete(f"datasets/{self.id}/mock")

    @property
    def terms(self) -> str:
        """What has to be accepted before anything is asked; empty where there are none."""
        return self.data.terms

    @property
    def terms_accepted(self) -> bool:
        """Whether you accepted the present terms, as of the last refresh."""
        return not self.terms or self.data.terms_accepted_at is not None

    def accept_terms(self) -> Dataset:
        """Accept the terms as they were read here; raises `ContentChanged` if they are others."""
        body = made(wire.TermsAcceptance, revision=self.data.terms_revision)
        self._site._http.write("POST", f"datasets/{self.id}/terms", body, wire.Dataset)
        return self.refresh()

    @property
    def access(self) -> list[wire.AccessGrant]:
        """For staff: who may ask."""
        return fetch_all(self._site._http, f"datasets/{self.id}/access", wire.AccessGrant)

    def give_access(self, user: str) -> wire.AccessGrant:
        """Let a person (an id or e-mail address) ask, as the owner; their budget opens with it."""
        body = made(wire.AccessUpdate, user=user)
        path = f"datasets/{self.id}/access"
        return self._site._http.write("PUT", path, body, wire.AccessGrant)

    def take_access(self, user_id: str) -> None:
        """End a person's access at once, as the owner. What they spent stays spent."""
        self._site._http.delete(f"datasets/{self.id}/access/{quoted(user_id)}")

    def refresh(self) -> Dataset:
        self.data, self._etag = self._site._http.get_tagged(f"datasets/{self.id}", wire.Dataset)
        self.__dict__.pop("schema", None)
        return self

    def update(
        self,
        *,
        title: str | None = None,
        description: str | None = None,
        table: TableSchema | Mapping[str, Any] | None = None,
        policy: wire.DatasetPolicy | Mapping[str, Any] | None = None,
        terms: str | None = None,
    ) -> Dataset:
        """Change what is given, as the owner. Raises `ContentChanged` if somebody else did since
        this was read. New terms have to be accepted anew by everybody."""
        body = made(
            wire.DatasetUpdate,
            title=title,
            description=description,
            table=table,
            policy=policy,
            terms=terms,
        )
        if self._etag is None:  # it came from a list, without one
            self._check_unchanged()
        self._site._http.write("PATCH", f"datasets/{self.id}", body, wire.Dataset, etag=self._etag)
        return self.refresh()

    def _check_unchanged(self) -> None:
        before = self.data
        if self.refresh().data != before:
            raise ContentChanged(f"{self.name} was changed since it was read.")

    def __repr__(self) -> str:
        title = f": {shortened(printable(self.title))}" if self.title else ""
        return f"Dataset({self.name!r}{title})"

    def __str__(self) -> str:
        return "\n\n".join([text_fields(self._fields()), str(self.schema)])

    def _repr_html_(self) -> str:
        caption = self.title or self.name
        return html_table(("", ""), self._fields(), caption=caption) + self.schema._repr_html_()

    def _fields(self) -> list[tuple[str, object]]:
        policy = self.policy
        people = "1 person" if policy.reviewers == 1 else f"{number(policy.reviewers)} people"
        approval = (
            f"at once up to {policy.auto_approve_share:.3g} of your limit each, else by {people}"
            if policy.auto_approve
            else f"by {people}"
        )
        fields: list[tuple[str, object]] = [("dataset", self.name)]
        if self.title:
            fields.append(("title", self.title))
        if self.description:
            fields.append(("about", self.description))
        fields += [("population", self.population), ("approval", approval)]
        if self.terms:
            accepted = "accepted" if self.terms_accepted else "not accepted: see .terms"
            fields.append(("terms of use", accepted))
        if not self.ready:
            fields.append(("state", "not ready: its owner has not loaded any data"))
        return fields
