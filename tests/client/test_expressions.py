"""Conditions in Python make the plan that SQL makes."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import carrel
from carrel import avg, col, count, lit, sum_
from carrel._expressions import conjunction
from carrel_protocol.binding import check_plan
from carrel_protocol.plan import QueryPlan
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_site.pricing.sql import parse_sql

SCHEMA = TableSchema(
    unit_column="person",
    columns=(
        IntegerColumn(name="age", lower=0, upper=120),
        IntegerColumn(name="kids", lower=0, upper=20),
        RealColumn(name="drugexp", lower="0", upper="10000"),
        BooleanColumn(name="female", nullable=False),
        CategoryColumn(name="region", categories=("north", "south", "west")),
    ),
    size=DeclaredSize(rows=1000, units=1000),
)

CONDITIONS: list[tuple[Any, str]] = [
    (col("age") > 70, "age > 70"),
    (70 < col("age"), "age > 70"),  # noqa: SIM300
    (col("AGE") >= 70, "age >= 70"),
    (col("drugexp") <= 12.5, "drugexp <= 12.5"),
    (col("drugexp") < Decimal("0.10"), "drugexp < 0.1"),
    (col("region") == "north", "region = 'north'"),
    (col("region") != "north", "region <> 'north'"),
    (~(col("region") == "north"), "NOT region = 'north'"),
    (col("female"), "female"),
    (col("female") == True, "female = TRUE"),  # noqa: E712 (it makes a condition)
    ((col("age") > 70) & col("female"), "age > 70 AND female"),
    ((col("age") > 70) | ~col("female"), "age > 70 OR NOT female"),
    (col("region").isin(["west", "north"]), "region IN ('north', 'west')"),
    (~col("age").isin([1, 2, 3]), "age NOT IN (1, 2, 3)"),
    (col("age").between(20, 30), "age BETWEEN 20 AND 30"),
    (col("age").is_null(), "age IS NULL"),
    (col("age").is_not_null(), "age IS NOT NULL"),
    (col("age") - 2 * col("kids") > 18, "age - 2 * kids > 18"),
    (10 - col("age") < -col("kids"), "10 - age < -kids"),
    (lit(3) + col("kids") == col("age"), "3 + kids = age"),
    (col("age") == -lit(5), "age = -5"),
    (col("age") > np.int64(70), "age > 70"),
    (np.int64(70) < col("age"), "age > 70"),
    (np.float64(2) * col("kids") > 4, "2 * kids > 4"),
    (col("drugexp") > np.float64(0.5), "drugexp > 0.5"),
    (col("female") == np.bool_(False), "female = FALSE"),
]


def plan_of(condition: Any) -> QueryPlan:
    return QueryPlan(where=conjunction([condition]), aggregates=(count().named("n"),))


@pytest.mark.parametrize(("python", "sql"), CONDITIONS, ids=[sql for _, sql in CONDITIONS])
def test_python_and_sql_make_one_plan(python: Any, sql: str) -> None:
    from_sql = parse_sql(f"SELECT COUNT(*) AS n FROM meps WHERE {sql}", "meps", SCHEMA)
    assert check_plan(plan_of(python), SCHEMA) == from_sql


def test_every_condition_above_is_another_plan_than_no_condition() -> None:
    everything = QueryPlan(aggregates=(count().named("n"),))
    for python, sql in CONDITIONS:
        assert check_plan(plan_of(python), SCHEMA) != everything, sql


@pytest.mark.parametrize("condition", [c for c, _ in CONDITIONS], ids=[s for _, s in CONDITIONS])
def test_a_condition_s_repr_is_python_that_makes_it_again(condition: Any) -> None:
    again = eval(repr(condition), {"col": col, "lit": lit})
    assert check_plan(plan_of(again), SCHEMA) == check_plan(plan_of(condition), SCHEMA)


def test_long_chains_stay_flat() -> None:
    chain = col("age") == 0
    for age in range(1, 150):
        chain = chain | (col("age") == age)
    node = plan_of(chain).where
    assert node is not None
    assert node.op == "or"
    assert len(node.args) == 150


@pytest.mark.parametrize(
    "wrong",
    [
        (col("age") > 70).__bool__,
        lambda: (col("age") > 70) and (col("age") < 80),
        lambda: not col("female"),
        lambda: 20 < col("age") < 30,
        lambda: col("age") in [1, 2],
    ],
)
def test_truth_values_are_refused_with_what_to_write_instead(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"Write & for and") as caught:
        wrong()
    assert "between" in str(caught.value)
    assert "isin" in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        (lambda: col("age") == None, "is_null"),  # noqa: E711
        (lambda: col("age") / 2, "Multiply"),
        (lambda: 2 / col("age"), "Multiply"),
        (lambda: col("age") % 2, "Multiply"),
        (lambda: col("x; DROP TABLE"), "cannot be asked"),
        (lambda: col("age") > lit(float("nan")), "NaN"),
        (lambda: col("age") > float("inf"), "infinity"),
        (lambda: col("age") > 2**60, "cannot be asked"),
        (lambda: col("age") > [70], "list"),
        (lambda: col("age") > np.array([1, 2]), "one value"),
        (lambda: col("age").isin("north"), "list of values"),
        (lambda: col("age").isin([]), "cannot be asked"),
        ((col("age") + 1).is_null, "for a column"),
        (lambda: sum_(col("age") + 1), "A column is needed"),
        (lambda: (col("age") > 70) & 3, "parentheses"),
        (lambda: conjunction(["age > 70"]), "conditions"),  # type: ignore[list-item]
    ],
)
def test_what_cannot_be_asked_is_refused_where_it_is_written(wrong: Any, advice: str) -> None:
    with pytest.raises(carrel.InvalidInput) as caught:
        wrong()
    assert advice in str(caught.value)


def test_conditions_cannot_be_keys() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        {col("age") > 70: 1}


def test_aggregates_name_columns_by_text_or_by_col() -> None:
    assert avg("drugexp").named("m") == avg(col("drugexp")).named("m")
    assert count("age").named("n").column == "age"
    assert count().named("n").column is None
    assert [repr(a) for a in (count(), count("age"), sum_("age"), avg("age"))] == [
        "COUNT(*)",
        "COUNT(age)",
        "SUM(age)",
        "AVG(age)",
    ]
