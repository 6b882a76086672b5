"""Ways in which engines like this one have leaked or failed, each tried here."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from carrel_protocol.plan import (
    Aggregate,
    Arithmetic,
    ColumnRef,
    Comparison,
    DecimalLiteral,
    Expression,
    In,
    IntegerLiteral,
    Not,
    QueryPlan,
    TextLiteral,
)
from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.schema import (
    MAX_ABS_STORED,
    BooleanColumn,
    CategoryColumn,
    IntegerColumn,
    RealColumn,
    UnitBounds,
)
from carrel_protocol.sensitivity import TooManyKeysError
from carrel_worker.executors.query import NoiseTooSmall, exact, execute, os_offsets
from carrel_worker.mechanisms.conditions import UnsupportedCondition
from tests.worker.engine.tables import (
    content_of,
    laplace_content,
    offsets_for,
    stored,
    table_of,
)

COUNT = (Aggregate(function="count", alias="n"),)
ALPHA = 1e-8


def counted(where: Expression | None, *group_by: str) -> QueryPlan:
    return QueryPlan(where=where, group_by=group_by, aggregates=COUNT)


def test_every_public_key_is_listed_whoever_is_there(tmp_path: Path) -> None:
    schema = table_of(
        CategoryColumn(name="c", categories=("y", "x")),
        BooleanColumn(name="b", nullable=False),
        IntegerColumn(name="i", lower=-1, upper=0),
    )
    plan = counted(None, "c", "b", "i")
    for records in ([], [("1", "x", "true", "0")]):
        answer = execute(laplace_content(schema, plan), stored(tmp_path, schema, records))
        assert answer.keys == tuple(
            (c, b, i) for c in ("x", "y", None) for b in (False, True) for i in (-1, 0, None)
        )
        assert len(answer.primitives[0].values) == 18
    vectors = exact(plan, schema, schema.bounds, stored(tmp_path, schema, [("1", "x", "true", "")]))
    assert vectors == [[0, 0, 0, 0, 0, 1] + [0] * 12]


def test_sums_beyond_64_bits_are_saturated(tmp_path: Path) -> None:
    """And exact below: neither int64 nor float64 would do for either."""
    schema = table_of(
        IntegerColumn(name="x", lower=-MAX_ABS_STORED, upper=MAX_ABS_STORED),
        bounds=UnitBounds(rows_per_unit=1_000_000),
    )
    plan = QueryPlan(aggregates=(Aggregate(function="sum", column="x", alias="s"),))
    for sign, rows, total in (
        (1, 1500, 2**63 - 1),
        (-1, 1500, -(2**63)),
        (1, 1000, 1000 * MAX_ABS_STORED),
    ):
        for units in (1, 500):
            text = str(sign * MAX_ABS_STORED)
            data = stored(tmp_path, schema, [(str(i % units), text) for i in range(rows)])
            assert exact(plan, schema, schema.bounds, data) == [[total]]


def test_arithmetic_cannot_overflow(tmp_path: Path) -> None:
    """x⁴ of 2^53 has 212 bits."""
    schema = table_of(IntegerColumn(name="x", lower=-MAX_ABS_STORED, upper=MAX_ABS_STORED))
    x = ColumnRef(name="x")
    square = Arithmetic(op="multiply", left=x, right=x)
    power = Arithmetic(op="multiply", left=square, right=square)
    values = [MAX_ABS_STORED, MAX_ABS_STORED - 1, 0, -3, -MAX_ABS_STORED]
    data = stored(tmp_path, schema, [(str(i), str(v)) for i, v in enumerate(values)])
    below = Arithmetic(op="subtract", left=power, right=IntegerLiteral(value=1))
    for where, expected in (
        (Comparison(op="gt", left=power, right=square), 4),
        (Comparison(op="lt", left=below, right=power), 5),
        (Comparison(op="eq", left=power, right=IntegerLiteral(value=81)), 1),
        (In(arg=power, values=(IntegerLiteral(value=81), IntegerLiteral(value=0))), 2),
        (Comparison(op="lt", left=power, right=IntegerLiteral(value=0)), 0),
    ):
        assert exact(counted(where), schema, schema.bounds, data) == [[expected]]


@pytest.mark.parametrize("neighbour", [MAX_ABS_STORED - 1, -MAX_ABS_STORED + 1, 0])
def test_large_values_are_told_from_their_neighbours(tmp_path: Path, neighbour: int) -> None:
    """Codes of this domain have 54 bits; compared as float64, neighbours would be equal."""
    schema = table_of(IntegerColumn(name="x", lower=-MAX_ABS_STORED, upper=MAX_ABS_STORED))
    values = [neighbour - 1, neighbour, neighbour + 1]
    data = stored(tmp_path, schema, [(str(i), str(v)) for i, v in enumerate(values)])
    x, literal = ColumnRef(name="x"), IntegerLiteral(value=neighbour)
    other = IntegerLiteral(value=neighbour - 1)
    for where, expected in (
        (In(arg=x, values=(literal,)), 1),
        (In(arg=x, values=(literal, other)), 2),
        (Not(arg=In(arg=x, values=(literal,))), 2),
        (Comparison(op="eq", left=x, right=literal), 1),
        (Comparison(op="lt", left=x, right=literal), 1),
        (
            Comparison(op="gt", left=Arithmetic(op="add", left=x, right=other), right=other),
            sum(value > 0 for value in values),
        ),
    ):
        assert exact(counted(where), schema, schema.bounds, data) == [[expected]], where


def test_literals_between_the_steps_of_a_resolution_compare_exactly(tmp_path: Path) -> None:
    schema = table_of(
        RealColumn(name="x", lower="0", upper="1"),
        RealColumn(name="y", lower="0", upper="1", resolution="0.25"),
    )
    data = stored(tmp_path, schema, [("1", "0.01", "0.25"), ("2", "0", "0"), ("3", "", "0.5")])
    x, y = ColumnRef(name="x"), ColumnRef(name="y")
    small = DecimalLiteral(value="0.005")
    for where, expected in (
        (Comparison(op="gt", left=x, right=small), 1),
        (Comparison(op="lt", left=small, right=x), 1),
        (Comparison(op="lt", left=x, right=small), 1),
        (Comparison(op="eq", left=x, right=small), 0),
        (Comparison(op="ne", left=x, right=small), 2),
        (Not(arg=In(arg=x, values=(small,))), 2),
        (Comparison(op="lt", left=x, right=y), 1),
        (Comparison(op="gt", left=Arithmetic(op="add", left=x, right=y), right=small), 1),
    ):
        assert exact(counted(where), schema, schema.bounds, data) == [[expected]], where


def test_texts_are_values_and_never_code(tmp_path: Path) -> None:
    nasty = ("'; DROP TABLE staged; --", 'a"b', "a'b", "\\", "%", "\n", "$1", "{}")
    schema = table_of(
        CategoryColumn(name="select", categories=nasty),
        CategoryColumn(name="units", categories=nasty),
    )
    data = stored(tmp_path, schema, [(str(i), text, text) for i, text in enumerate(nasty)])
    for text in nasty:
        for name in ("select", "units"):
            where = Comparison(op="eq", left=ColumnRef(name=name), right=TextLiteral(value=text))
            assert exact(counted(where), schema, schema.bounds, data) == [[1]]


def test_an_unlisted_text_equals_nothing_and_differs_from_everything(tmp_path: Path) -> None:
    schema = table_of(CategoryColumn(name="c", categories=("b", "d")))
    data = stored(tmp_path, schema, [("1", "b"), ("2", "d"), ("3", ""), ("4", "c")])
    c, unlisted = ColumnRef(name="c"), TextLiteral(value="c")
    for op, expected in (("eq", 0), ("ne", 2), ("lt", 1), ("le", 1), ("gt", 1), ("ge", 1)):
        where = Comparison(op=op, left=c, right=unlisted)
        assert exact(counted(where), schema, schema.bounds, data) == [[expected]], op


@pytest.mark.parametrize("name", ["person", "PERSON", "nobody"])
def test_the_unit_column_is_no_column(tmp_path: Path, name: str) -> None:
    """Refused before the table is looked for, hence alike for every table."""
    schema = table_of(IntegerColumn(name="x", lower=0, upper=1))
    column = ColumnRef(name=name)
    for plan in (
        counted(Comparison(op="eq", left=column, right=IntegerLiteral(value=1))),
        counted(None, name),
        QueryPlan(aggregates=(Aggregate(function="count", column=name, alias="n"),)),
        QueryPlan(aggregates=(Aggregate(function="sum", column=name, alias="n"),)),
    ):
        with pytest.raises(ValueError, match=name):
            exact(plan, schema, schema.bounds, tmp_path / "no table")


def test_a_condition_of_mixed_types_is_refused_before_a_row_is_read(tmp_path: Path) -> None:
    schema = table_of(
        IntegerColumn(name="x", lower=0, upper=1), CategoryColumn(name="c", categories=("a",))
    )
    x, c, one = ColumnRef(name="x"), ColumnRef(name="c"), IntegerLiteral(value=1)
    for where in (
        x,
        Not(arg=c),
        Comparison(op="eq", left=x, right=c),
        In(arg=x, values=(TextLiteral(value="a"),)),
        In(arg=c, values=(one,)),
        Comparison(op="eq", left=Arithmetic(op="add", left=c, right=one), right=one),
    ):
        with pytest.raises(UnsupportedCondition):
            exact(counted(where), schema, schema.bounds, tmp_path / "no table")


def test_too_many_keys_are_refused_before_a_row_is_read(tmp_path: Path) -> None:
    columns = [IntegerColumn(name=n, lower=0, upper=999, nullable=False) for n in "ab"]
    schema = table_of(*columns)
    with pytest.raises(TooManyKeysError):
        exact(counted(None, "a", "b"), schema, schema.bounds, tmp_path / "no table")


def test_the_bounds_are_those_that_were_approved(tmp_path: Path) -> None:
    """Not the table's: noise for 1 row a unit is refused for a content that allows 3."""
    schema = table_of(IntegerColumn(name="x", lower=0, upper=1))
    noise = (Noise(mechanism="discrete_laplace", scale=1.0),)
    content = content_of(schema, counted(None), noise, (Claimed(kind="epsilon", value=1.0),))
    data = stored(tmp_path, schema, [("1", "0")] * 5)
    execute(content, data)
    with pytest.raises(NoiseTooSmall):
        execute(content.model_copy(update={"bounds": UnitBounds(rows_per_unit=3)}), data)


def test_offsets_are_fresh() -> None:
    assert len({os_offsets(4).tobytes() for _ in range(100)}) == 100
    assert os_offsets(3).dtype == np.uint64


def test_a_window_keeps_each_group_as_often(tmp_path: Path) -> None:
    """2 of 5 groups for each of 5,000 people: every group is kept by 2,000, give or take.

    False alarm: 5 two-sided binomial tests of level 1e-8.
    """
    people, keys = 5_000, "abcde"
    schema = table_of(
        CategoryColumn(name="c", categories=tuple(keys)), bounds=UnitBounds(groups_per_unit=2)
    )
    records = [(str(person), key) for person in range(people) for key in keys]
    data = stored(tmp_path, schema, records)
    (counts,) = exact(counted(None, "c"), schema, schema.bounds, data)
    assert sum(counts) == 2 * people
    assert counts[-1] == 0
    for count in counts[:-1]:
        assert binomtest(count, people, 2 / 5).pvalue > ALPHA
    (again,) = exact(counted(None, "c"), schema, schema.bounds, data)
    assert again != counts


def test_a_window_goes_round(tmp_path: Path) -> None:
    schema = table_of(
        CategoryColumn(name="c", categories=tuple("abcd"), nullable=False),
        bounds=UnitBounds(groups_per_unit=2),
    )
    data = stored(tmp_path, schema, [("u", key) for key in "abd"])
    for offset, expected in (
        (0, [1, 1, 0, 0]),
        (1, [0, 1, 0, 1]),
        (2, [1, 0, 0, 1]),
        (2**64 - 1, [1, 1, 0, 0]),  # a multiple of 3
    ):
        offsets = offsets_for(["u"], {"u": offset})
        assert exact(counted(None, "c"), schema, schema.bounds, data, offsets) == [expected]


def test_rows_that_fail_the_condition_take_no_group(tmp_path: Path) -> None:
    """The choice is among the groups with a row that passes."""
    schema = table_of(
        CategoryColumn(name="c", categories=tuple("abcd"), nullable=False),
        IntegerColumn(name="x", lower=0, upper=1),
    )
    data = stored(tmp_path, schema, [("u", key, "1" if key == "d" else "0") for key in "abcd"])
    where = Comparison(op="eq", left=ColumnRef(name="x"), right=IntegerLiteral(value=1))
    for offset in range(4):
        offsets = offsets_for(["u"], {"u": offset})
        vectors = exact(counted(where, "c"), schema, schema.bounds, data, offsets)
        assert vectors == [[0, 0, 0, 1]]


def test_excess_rows_are_scaled_towards_zero(tmp_path: Path) -> None:
    schema = table_of(
        IntegerColumn(name="x", lower=-9, upper=9), bounds=UnitBounds(rows_per_unit=2)
    )
    plan = QueryPlan(
        aggregates=(
            Aggregate(function="sum", column="x", alias="s"),
            Aggregate(function="count", column="x", alias="n"),
        )
    )
    for values, expected in (
        (["9", "9", "7"], 16),  # 25·2/3 = 16.67
        (["-9", "-9", "-7"], -16),
        (["9", "", "", "", "-1"], 8),  # nulls are no rows of x
        (["9", "9", "9"], 18),
    ):
        data = stored(tmp_path, schema, [("u", value) for value in values])
        assert exact(plan, schema, schema.bounds, data) == [[expected], [2]]
