"""A first draft of a table's public description: `python -m carrel_worker.proposals FILE FORMAT`.

From the names of the columns alone, unless `--from-values` is given: then domains come from the
values, which makes something of them public. Bounds are rounded outwards to one or two digits and
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

from carrel_worker.executors.ingest import csv_text
from carrel_worker.executors.ingest.errors import IngestError, in_short
from carrel_worker.executors.ingest.sources import Format

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
_LEAST_STEP = 0.01


def propose(path: Path, file_format: Format, *, from_values: bool) -> dict[str, Any]:
    """{"table": a draft, "notes": what to look at}. Raises `IngestError` for an unreadable file."""
    with duckdb.connect(":memory:") as connection:
        draft = _Draft(connection, path, file_format)
        usable = [name for name in draft.names if _NAME.fullmatch(name)]
        if not usable:
            raise IngestError("no column has a name that SQL can use", line=1)
        unit = next((name for name in usable if _UNIT.fullmatch(name)), usable[0])
        columns = []
        for place, name in enumerate(draft.names):
            if name in usable and name != unit:
                found = draft.from_values(place) if from_values else None
                columns.append({"name": name, **(found or _from_name(name))})
        size = {"rows": 1000, "units": 1000}
        if from_values:
            size = draft.size(draft.names.index(unit))
    notes = [f"The unit column is taken to be {unit!r}: the one that says whose row it is."]
    notes += [
        f"The column {name!r} is left out: rename it to an SQL name to keep it."
        for name in draft.names
        if name not in usable
    ]
    if not from_values:
        notes += [
            "Types and domains are guesses from the columns' names: correct each of them.",
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
        if file_format == "parquet":
            reader = "read_parquet(?, binary_as_string = true)"
            try:
                described = connection.execute(
                    f"DESCRIBE SELECT * FROM {reader}",  # noqa: S608 (a constant)
                    [self._path],
                ).fetchall()
            except duckdb.Error as error:
                said = in_short(error, path)
                raise IngestError(f"the file cannot be read as Parquet: {said}") from error
            self.names = [str(row[0]).strip() for row in described]
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

    def from_values(self, place: int) -> dict[str, Any] | None:
        """A draft of one column; None where it has no value."""
        text = f"nullif(trim(CAST(c{place} AS VARCHAR)), '')"
        number = f"TRY_CAST({text} AS DOUBLE)"
        values = f"(SELECT {text} AS v, {number} AS n FROM {self._relation})"  # noqa: S608 (no name)
        present, numbers, whole, truths, low, high = self._one(
            "SELECT count(v), count(n), count(n) FILTER (n = floor(n)), "  # noqa: S608 (no name)
            "count(v) FILTER (lower(v) IN ('true', 'false', 't', 'f', 'yes', 'no')), "
            f"min(n), max(n) FROM {values} WHERE n IS NULL OR isfinite(n)"
        )
        if not present:
            return None
        if truths == present:
            return {"type": "boolean"}
        if numbers == present:
            lower, upper = _outwards(low, up=False), _outwards(high, up=True)
            if whole == present:
                return {"type": "integer", "lower": int(lower), "upper": int(upper)}
            bounds = {"lower": f"{lower:.2f}", "upper": f"{upper:.2f}"}
            return {"type": "real", **bounds, "resolution": "0.01"}
        (frequent,) = self._one(
            "SELECT list(v ORDER BY v) FROM (SELECT v FROM "  # noqa: S608 (no name)
            f"{values} WHERE v IS NOT NULL GROUP BY v HAVING count(*) >= {FEWEST_ROWS} "
            f"ORDER BY count(*) DESC, v LIMIT {MOST_CATEGORIES})"
        )
        return {"type": "category", "categories": [v[:200] for v in frequent or ["other"]]}

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
    for pattern, drafted in _WORDS:
        if re.fullmatch(pattern, name, re.IGNORECASE):
            return dict(drafted)
    return dict(_OTHERWISE)


def _about(count: int) -> int:
    return max(1, round(count, 2 - len(str(count))))


def _outwards(value: float, *, up: bool) -> float:
    """`value` to two digits, away from the other values."""
    if value == 0:
        return 0.0
    step = max(10.0 ** (math.floor(math.log10(abs(value))) - 1), _LEAST_STEP)
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
