"""The module `carrel_job` that code finds inside: `tables`, `parameters` and `save`."""

import importlib
import os
import types
from collections.abc import Iterator, Mapping
from typing import Any

from . import convert


class Tables(Mapping[str, Any]):
    """The datasets by alias, each a DataFrame that is read when it is first asked for."""

    def __init__(self, places: dict[str, str], data: str) -> None:
        self._places = {alias: os.path.join(data, place) for alias, place in places.items()}
        self._read: dict[str, Any] = {}

    def __getitem__(self, alias: str) -> Any:
        if alias not in self._read:
            place = self._places[alias]
            # pandas comes with the first table, so that code without one starts at once.
            self._read[alias] = importlib.import_module(".tables", __package__).read(place)
        return self._read[alias]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Saved:
    """What the code saved beside what it returned."""

    def __init__(self) -> None:
        self._items: list[Any] = []

    def save(self, name: str, value: Any) -> None:
        """Add a result under a name: a number, text, table, array or figure.

        It is turned into data at once, so that a later change of `value` changes nothing.
        """
        self._items += convert.to_items(value, name)

    def items(self) -> list[Any]:
        return list(self._items)


def carrel_job(job: dict[str, Any], saved: Saved) -> types.ModuleType:
    module = types.ModuleType("carrel_job", "The world of a program that runs beside the data.")
    module.__dict__.update(
        tables=Tables(job["tables"], job["data"]),
        parameters=dict(job["parameters"]),
        data=job["data"],
        save=saved.save,
    )
    return module
