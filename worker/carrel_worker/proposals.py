"""A first draft of a table's public description: `python -m carrel_worker.proposals FILE FORMAT`.

From the names of the columns alone, and the types that a Parquet file states, unless
`--from-values` is given: then domains come from the values, which makes something of them public.
What a Parquet file says of its values beside them (each group's least and largest) is as private
as they are, and is not read. Bounds are rounded outwards to one or two digits and
rare categories are left out, so that no one person's value stands in the draft; that is good
manners and no guarantee. Prints JSON.
"""

import json
import math
import re
import sys
from pathlib import Path
from typing import Any, get_args

import duckdb
from pydantic import TypeAdapter, ValidationError

from carrel_protocol.schema import Column
from carrel_worker.executors.ingest import csv_text
from carrel_worker.executors.ingest.errors import IngestError, in_short
from carrel_worker.executors.ingest.sources import (
    READ_PARQUET,
    Format,
    can_be_taken_in,
    parquet_columns,
    places_of,
)

MOST_CATEGORIES = 50
FEWEST_ROWS = 10
"""A category that fewer rows have is left out: it may be somebody."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_UNIT = re.compile(
    r"((person|patient|user|customer|client|member|subject|pupil|unit)?_?id|person|patient)",
    re.IGNORECASE,
)
_MONEY = {"type": "real", "lower": "0", "upper": "100000", "resolution": "0.01"}
_WORDS: tuple[tuple[str, dict[str, Any]], ...] = (
    (r"age", {"type": "integer", "lower": 0, "upper": 120}),
    (r"year|.*_year", {"type": "integer", "lower": 1900, "upper": 2100}),
    (r"month", {"type": "integer", "lower": 1, "upper": 12}),
    (r"day|weekday", {"type": "integer", "lower": 1, "upper": 31}),
    (r"(is|has|was|had)_.*|.*_flag", {"type": "boolean"}),
    (r"sex|gender", {"type": "category", "categories": ["female", "male"]}),
    (r"(n|num|count|number)_.*|.*_(count|number)", {"type": "integer", "lower": 0, "upper": 1000}),
    (r"height.*", {"type": "real", "lower": "0", "upper": "250", "resolution": "0.1"}),
    (r"weight.*", {"type": "real", "lower": "0", "upper": "300", "resolution": "0.1"}),
    (r".*(price|cost|amount|income|salary|spend).*", _MONEY),
    (
        r".*(share|rate|ratio|fraction)",
        {"type": "real", "lower": "0", "upper": "1", "resolution": "0.001"},
    ),
)
_OTHERWISE = {"type": "real", "lower": "0", "upper": "100", "resolution": "0.01"}
_TO_BE_LISTED = {"type": "category", "categories": ["other"]}
_INTEGERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")
_MOST_PLACES = 6
_LONGEST_CATEGORY = 200
_UNNAMED = "rename it to an SQL name to keep it"
_COLUMN: TypeAdapter[Any] = TypeAdapter(Column)


def propose(path: Path, file_format: Format, *, from_values: bool) -> dict[str, Any]:
    """{"table": a draft, "notes": what to look at}. Raises `IngestError` for an unreadable file."""
    with duckdb.connect(":memory:") as connection:
        draft = _Draft(connection, path, file_format)
        usable = [name for name in draft.names if _NAME.fullmatch(name)]
        if not usable:
            raise IngestError("no column has a name that SQL can use", line=1)
        places_of(draft.names, [])  # refuses a name that is there twice, as ingest does
        plain = [name for name in usable if draft.is_plain(name)] or usable
        unit = next((name for name in plain if _UNIT.fullmatch(name)), plain[0])
        columns, left_out = [], {}
        for place, name in enumerate(draft.names):
            if name == unit:
                continue
            drafted = draft.column(place, from_values=from_values) if name in usable else _UNNAMED
            if isinstance(drafted, str):
                left_out[name] = drafted
            else:
                columns.append({"name": name, **drafted})
        size = {"rows": 1000, "units": 1000}
        if from_values:
            size = draft.size(draft.names.index(unit))
    notes = [f"The unit column is taken to be {unit!r}: the one that says whose row it is."]
    notes += [f"The column {name!r} is left out: {why}." for name, why in left_out.items()]
    if not columns:
        raise IngestError(" ".join(["no column can be drafted.", *notes[1:]]))
    if not from_values:
        notes += [
            "Types are the file's, domains guesses from the columns' names: correct each of them."
            if file_format == "parquet"
            else "Types and domains are guesses from the columns' names: correct each of them.",
            "Declare how many rows and units there are, about: everybody sees it.",
        ]
    return {
        "table": {"unit_column": unit, "columns": columns, "bounds": {}, "size": size},
        "notes": notes,
    }


class _Draft:
    """A file with columns c0, c1, …, so that no name of it becomes part of a statement."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: Path, file_format: Format
    ) -> None:
        self._connection = connection
        self._path = str(path)
        self._kinds: list[str] | None = None
        if file_format == "parquet":
            reader = READ_PARQUET
            described = parquet_columns(connection, path)
            self.names = [name.strip() for name, _ in described]
            self._kinds = [kind for _, kind in described]
        else:
            delimiter, names = csv_text.header(path, [], compressed=file_format == "csv.gz")
            self.names = [name.strip() for name in names]
            types = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(names)))
            reader = (
                f"read_csv(?, header = true, auto_detect = false, delim = '{delimiter}', "
                f"columns = {{{types}}})"
            )
        listed = ", ".join(f"c{place}" for place in range(len(self.names)))
        self._relation = f"{reader} AS source({listed})"

    def is_plain(self, name: str) -> bool:
        """Whether ingest could take a column's values in, by what the file says they are."""
        return self._kinds is None or can_be_taken_in(self._kinds[self.names.index(name)])

    def column(self, place: int, *, from_values: bool) -> dict[str, Any] | str:
        """A draft of one column, or why there is none."""
        name, kind = self.names[place], None if self._kinds is None else self._kinds[place]
        if not self.is_plain(name):
            return f"values of type {kind} cannot be taken in"
        found = self._from_values(place) if from_values else None
        if found is None:
            found = _from_name(name) if kind is None else _from_type(name, kind)
        if found is None:
            return (
                f"there is no column type for {kind}; add what is asked for, its year say, as a "
                "whole number"
            )
        try:
            _COLUMN.validate_python({"name": name, **found})
        except ValidationError:
            return "its values are beyond what a column's domain may be"
        return found

    def _from_values(self, place: int) -> dict[str, Any] | None:
        """What the values come to; None where there is none."""
        text = f"nullif(trim(CAST(c{place} AS VARCHAR)), '')"
        number = f"TRY_CAST({text} AS DOUBLE)"
        values = f"(SELECT {text} AS v, {number} AS n FROM {self._relation})"  # noqa: S608 (no name)
        present, numbers, whole, truths, low, high, places = self._one(
            "SELECT count(v), count(n), count(n) FILTER (n = floor(n)), "  # noqa: S608 (no name)
            "count(v) FILTER (lower(v) IN ('true', 'false', 't', 'f', 'yes', 'no')), min(n), "
            "max(n), max(length(split_part(v, '.', 2))) FILTER (NOT contains(lower(v), 'e')) "
            f"FROM {values} WHERE n IS NULL OR isfinite(n)"
        )
        if not present:
            return None
        if truths == present:
            return {"type": "boolean"}
        if numbers == present:
            places = min(max(places or 0, 2), _MOST_PLACES)
            lower, upper = _outwards(low, places, up=False), _outwards(high, places, up=True)
            if whole == present:
                return {"type": "integer", "lower": int(lower), "upper": int(upper)}
            bounds = {"lower": f"{lower:.{places}f}", "upper": f"{upper:.{places}f}"}
            return {"type": "real", **bounds, "resolution": _step(places)}
        (frequent,) = self._one(
            "SELECT list(v ORDER BY v) FROM (SELECT v FROM "  # noqa: S608 (no name)
            f"{values} WHERE v IS NOT NULL GROUP BY v HAVING count(*) >= {FEWEST_ROWS} "
            f"ORDER BY count(*) DESC, v LIMIT {MOST_CATEGORIES})"
        )
        listed = [value for value in frequent or () if len(value) <= _LONGEST_CATEGORY]
        return {"type": "category", "categories": listed} if listed else dict(_TO_BE_LISTED)

    def size(self, unit: int) -> dict[str, int]:
        """About how many rows and units there are: two digits of each."""
        rows, units = self._one(
            f"SELECT count(*), count(DISTINCT c{unit}) FROM {self._relation}"  # noqa: S608 (no name)
        )
        return {"rows": _about(rows), "units": _about(units)}

    def _one(self, query: str) -> Any:
        try:
            return self._connection.execute(query, [self._path]).fetchall()[0]
        except duckdb.Error as error:
            said = in_short(error, Path(self._path))
            raise IngestError(f"the file cannot be read: {said}") from error


def _from_name(name: str) -> dict[str, Any]:
    return _known(name) or dict(_OTHERWISE)


def _known(name: str) -> dict[str, Any] | None:
    for pattern, drafted in _WORDS:
        if re.fullmatch(pattern, name, re.IGNORECASE):
            return dict(drafted)
    return None


def _from_type(name: str, kind: str) -> dict[str, Any] | None:
    """What a Parquet column's name suggests, where its type allows it; None: no type for it.

    Texts may hold anything, and whole numbers of which some are missing are often doubles.
    """
    known = _known(name)
    suggested = known["type"] if known else None
    decimal = _DECIMAL.fullmatch(kind)
    if kind == "BOOLEAN":
        return {"type": "boolean"}
    if kind in ("VARCHAR", "UUID") or kind.startswith("ENUM"):
        return known or dict(_TO_BE_LISTED)
    if _INTEGERS.fullmatch(kind) or (decimal and int(decimal[1]) == 0):
        return known if suggested == "integer" else {"type": "integer", "lower": 0, "upper": 100}
    if kind in ("FLOAT", "DOUBLE") or decimal:
        drafted = known if known and suggested in ("integer", "real") else dict(_OTHERWISE)
        if decimal and drafted["type"] == "real":
            drafted["resolution"] = _step(min(int(decimal[1]), _MOST_PLACES))
        return drafted
    return None


def _step(places: int) -> str:
    return f"{10.0**-places:.{places}f}"


def _about(count: int) -> int:
    return max(1, round(count, 2 - len(str(count))))


def _outwards(value: float, places: int, *, up: bool) -> float:
    """`value` to two digits, of `places` decimals at most, away from the other values."""
    if value == 0:
        return 0.0
    step = max(10.0 ** (math.floor(math.log10(abs(value))) - 1), 10.0**-places)
    return (math.ceil if up else math.floor)(value / step) * step


def main() -> None:
    """Print a draft; on an error, what it is, with status 1."""
    path, file_format, *options = sys.argv[1:]
    assert file_format in get_args(Format)
    chosen: Format = file_format  # type: ignore[assignment]
    try:
        drafted = propose(Path(path), chosen, from_values="--from-values" in options)
    except (IngestError, OSError) as error:
        sys.exit(str(error))
    print(json.dumps(drafted, ensure_ascii=False))


if __name__ == "__main__":
    main()
