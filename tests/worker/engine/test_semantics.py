"""The engine against the plain-Python reference, and the promise that no unit counts for more."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.schema import CategoryColumn, IntegerColumn, UnitBounds
from carrel_protocol.sensitivity import lower
from carrel_worker.executors.ingest import lay_out
from carrel_worker.executors.query import exact
from carrel_worker.mechanisms import cells
from tests.worker.engine import reference
from tests.worker.engine.strategies import Case, cases
from tests.worker.engine.tables import offsets_for, stored, table_of, units_of

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@contextmanager
def pieces_of(rows: int, table: int) -> Iterator[None]:
    """Aggregate so few rows and cells at once that small tables take every path."""
    with (
        patch.object(cells, "ROWS_AT_ONCE", rows),
        patch.object(cells, "CELLS_AT_ONCE", table),
    ):
        yield


@pytest.fixture(autouse=True, scope="module")
def _any_table() -> Iterator[None]:
    """What holds must hold for every table: those that no upload is taken for are laid out too."""
    with patch.object(lay_out, "refuse_contradicted"):
        yield


@given(case=cases(), rows=st.sampled_from([1, 3, 2**18]), table=st.sampled_from([4, 2**18]))
@settings(max_examples=120, deadline=None, suppress_health_check=_SLOW)
def test_answers_are_those_of_the_reference(case: Case, rows: int, table: int) -> None:
    units = units_of(case.records)
    with tempfile.TemporaryDirectory() as folder:
        data = stored(Path(folder), case.schema, case.records, case.file_format)
        with pieces_of(rows, table):
            found = exact(
                case.plan,
                case.schema,
                case.schema.bounds,
                data,
                offsets_for(units, case.offsets),
            )
    assert found == reference.exact(case.plan, case.schema, case.records, case.offsets)


@given(case=cases())
@settings(max_examples=30, deadline=None, suppress_health_check=_SLOW)
def test_no_unit_moves_an_answer_by_more_than_its_claimed_sensitivity(case: Case) -> None:
    """Every unit in turn is left out of the upload; the others keep their offsets."""
    primitives = lower(case.plan, case.schema, case.schema.bounds).primitives

    def vectors(folder: Path, without: str | None) -> list[list[int]]:
        records = [r for r in case.records if r[0].strip() != without]
        data = stored(folder, case.schema, records, case.file_format)
        offsets = offsets_for(units_of(records), case.offsets)
        return exact(case.plan, case.schema, case.schema.bounds, data, offsets)

    with tempfile.TemporaryDirectory() as folder:
        everyone = vectors(Path(folder), None)
        for unit in units_of(case.records):
            others = vectors(Path(folder), unit)
            for primitive, with_unit, without_unit in zip(
                primitives, everyone, others, strict=True
            ):
                note(f"{unit!r}, {primitive}: {with_unit} and {without_unit}")
                moved = [abs(a - b) for a, b in zip(with_unit, without_unit, strict=True)]
                assert sum(moved) <= primitive.l1
                assert sum(m**2 for m in moved) <= primitive.l2_squared


@pytest.mark.parametrize("rows", [7, 2**18])
def test_the_bound_is_reached(tmp_path: Path, rows: int) -> None:
    """A differential test that nothing could fail would show nothing: some unit moves by l1."""
    schema = table_of(
        CategoryColumn(name="c", categories=("a", "b", "d")),
        IntegerColumn(name="x", lower=-3, upper=10),
        bounds=UnitBounds(rows_per_group=2, groups_per_unit=2),
    )
    plan = QueryPlan(
        group_by=("c",),
        aggregates=(
            Aggregate(function="count", alias="n"),
            Aggregate(function="sum", column="x", alias="s"),
        ),
    )
    whale = [("w", key, "10") for key in "abd" for _ in range(5)]
    data = stored(tmp_path, schema, whale)
    with pieces_of(rows, 2**18):
        count, total = exact(plan, schema, schema.bounds, data)
    primitives = lower(plan, schema, schema.bounds).primitives
    assert sum(map(abs, count)) == primitives[0].l1
    assert sum(map(abs, total)) == primitives[1].l1
