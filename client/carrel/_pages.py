"""Lists that come in pages."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from carrel._http import Http
from carrel._wire import read
from carrel_protocol.api.common import Page as WirePage

Wire = TypeVar("Wire", bound=BaseModel)
Item = TypeVar("Item")


class Page(Generic[Item]):
    """One page of a list. `items` are its own; iterating goes on through the pages after it."""

    def __init__(
        self,
        items: tuple[Item, ...],
        next_page: Callable[[], Page[Item]] | None,
    ) -> None:
        self.items = items
        self._next = next_page

    @property
    def has_more(self) -> bool:
        return self._next is not None

    def next_page(self) -> Page[Item] | None:
        """The page after this one; None at the end."""
        return None if self._next is None else self._next()

    def __iter__(self) -> Iterator[Item]:
        page: Page[Item] | None = self
        while page is not None:
            yield from page.items
            page = page.next_page()

    def __repr__(self) -> str:
        more = ", …" if self.has_more else ""
        return f"[{', '.join(repr(item) for item in self.items)}{more}]"

    def _repr_html_(self) -> str:
        lines = "".join(f"<li><code>{html.escape(repr(item))}</code></li>" for item in self.items)
        return f"<ul>{lines}{'<li>…</li>' if self.has_more else ''}</ul>"


def fetch_page(
    http: Http,
    path: str,
    model: type[Wire],
    make: Callable[[Wire], Item],
    params: Mapping[str, Any] | None = None,
) -> Page[Item]:
    """The first page of the list at `path`."""
    document = http.document(path, params=params)
    if isinstance(document, list):  # a list that is never long comes whole
        return Page(tuple(make(read(model, item)) for item in document), None)
    got = read(WirePage[Any], document)
    cursor = got.next_cursor

    def following() -> Page[Item]:
        return fetch_page(http, path, model, make, {**(params or {}), "cursor": cursor})

    return Page(
        tuple(make(read(model, item)) for item in got.items or ()), following if cursor else None
    )


def fetch_all(http: Http, path: str, model: type[Wire]) -> list[Wire]:
    """Every item of the list at `path`."""
    return list(fetch_page(http, path, model, lambda item: item))
