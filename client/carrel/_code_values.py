"""What code returned, as Python values. Everything arrives as plain data and is read as that."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carrel._arrays import read_npy, read_tensors
from carrel._errors import InvalidInput, UnexpectedAnswer
from carrel._frames import data_frame
from carrel_protocol.outputs import OutputItem

if TYPE_CHECKING:
    from carrel._code_request import CodeRequest


class Figure:
    """A picture. A notebook shows it; `save()` writes it."""

    def __init__(self, png: bytes, width: int, height: int) -> None:
        self.png = png
        self.width = width
        self.height = height

    def save(self, path: str | os.PathLike[str]) -> None:
        Path(path).write_bytes(self.png)

    def _repr_png_(self) -> bytes:
        return self.png

    def __bytes__(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"Figure({self.width} x {self.height})"


class CodeResult(Mapping[str, Any]):
    """What reviewers released: a value for each name. `value` is the only one's.

    Each is fetched when it is first looked at. Numbers, texts, lists and dicts come as those;
    tables as pandas DataFrames (lists of dicts where pandas is not installed); arrays and tensors
    as NumPy's (`Nested` lists where it is not); figures as `Figure`.
    """

    def __init__(
        self, request: CodeRequest, items: tuple[OutputItem, ...], fetch: Callable[[str], bytes]
    ) -> None:
        self.request = request
        self.items_released = items
        self._fetch = fetch
        self._values: dict[str, Any] = {}

    @property
    def value(self) -> Any:
        """Raises `InvalidInput` where there are several."""
        if len(self) != 1:
            raise InvalidInput(
                f"{len(self)} things were released: {', '.join(self)}.",
                advice="Take one by its name: result['…'].",
            )
        return self[next(iter(self))]

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            item = next((item for item in self.items_released if item.name == name), None)
            if item is None:
                raise KeyError(f"{name!r}; there are {', '.join(self)}")
            content = self._fetch(name)
            if hashlib.sha256(content).hexdigest() != item.digest:
                raise UnexpectedAnswer(
                    f"{name!r} is not what was released: its digest is another.",
                    advice="Tell the site's owner.",
                )
            self._values[name] = value_of(item, content)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return (item.name for item in self.items_released)

    def __len__(self) -> int:
        return len(self.items_released)

    def __repr__(self) -> str:
        return f"CodeResult({', '.join(f'{i.name}: {i.kind}' for i in self.items_released)})"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


def returned(values: dict[str, Any]) -> Any:
    """What a function's caller gets: None, the only value, or all of them by name."""
    if len(values) > 1:
        return values
    return next(iter(values.values()), None)


def value_of(item: OutputItem, content: bytes) -> Any:
    """An item's bytes as a value. Raises `UnexpectedAnswer` for what cannot be read."""
    kind: str = item.kind
    match kind:
        case "value":
            return _json(item, content)
        case "table":
            return _table(item, _json(item, content))
        case "frame":
            return _arrow(content)
        case "array":
            return read_npy(content)
        case "tensors":
            return read_tensors(content)
        case "figure":
            return Figure(content, *reversed(item.shape[:2] if len(item.shape) > 1 else (0, 0)))
    raise UnexpectedAnswer(
        f"{item.name!r} is a {kind!r}, which this version of carrel does not know.",
        advice="A newer carrel may: pip install --upgrade carrel.",
    )


def _json(item: OutputItem, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer(f"{item.name!r} cannot be read: {error}") from None


def _table(item: OutputItem, data: Any) -> Any:
    try:
        names, rows = list(data["columns"]), [list(row) for row in data["rows"]]
        index = int(data.get("index", 0))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedAnswer(f"The table {item.name!r} cannot be read: {error}") from None
    if any(len(row) != len(names) for row in rows) or not 0 <= index <= len(names):
        raise UnexpectedAnswer(f"The table {item.name!r} is not rectangular.")
    try:
        # Numbered, because two columns of a table may have one name.
        frame = data_frame([str(place) for place in range(len(names))], rows)
    except ImportError:
        return [dict(zip(names, row, strict=True)) for row in rows]
    if index:
        frame = frame.set_index([str(place) for place in range(index)])
        frame.index.names = names[:index]
    frame.columns = names[index:]
    return frame


def _arrow(content: bytes) -> Any:
    try:
        pa = import_module("pyarrow")  # optional, and slow to import
    except ImportError:
        raise ImportError(
            "This table is large, and comes as an Arrow file: pip install pyarrow pandas reads it."
        ) from None
    try:
        table = pa.ipc.open_file(io.BytesIO(content)).read_all()
    except (pa.ArrowException, OSError) as error:
        raise UnexpectedAnswer(f"An Arrow file cannot be read: {error}") from None
    try:
        return table.to_pandas()
    except ImportError:
        return table.to_pylist()
