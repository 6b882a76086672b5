"""An answer that was allowed, and so may be charged, can always be handed over."""

import math

import pytest

from carrel_protocol.answers import MeasureValues, NoisyPrimitive, QueryAnswer
from carrel_protocol.jobs import QuerySucceeded
from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.privacy import Noise
from carrel_protocol.schema import CategoryColumn, DeclaredSize, IntegerColumn, TableSchema
from carrel_protocol.sensitivity import MAX_ANSWER_BYTES, lower
from carrel_site.pricing.bind import check_plan
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.settings import Settings
from carrel_worker.executors.query import answer_keys

LONG = "\U0001f9ec" * 60
SCHEMA = TableSchema(
    unit_column="person",
    columns=(
        IntegerColumn(name="site", lower=1, upper=5000, nullable=False),
        CategoryColumn(name="word", categories=(LONG, LONG[1:]), nullable=False),
        CategoryColumn(name="short", categories=("a", "b"), nullable=False),
        *(IntegerColumn(name=f"x{n}", lower=-(2**53 - 1), upper=2**53 - 1) for n in range(32)),
    ),
    size=DeclaredSize(rows=10**12, units=10**12),
)
WIDEST = Noise(mechanism="discrete_laplace", scale=math.nextafter(1e16, 0))
LONGEST_FLOAT = -2.2250738585072014e-308
LONGEST_WHOLE = -(10**36)


def asking(averages: int, *group_by: str) -> QueryPlan:
    return QueryPlan(
        group_by=group_by,
        aggregates=tuple(
            Aggregate(function="avg", column=f"x{n}", alias=f"{n:a>63}".replace("0", "b"))
            for n in range(averages)
        ),
    )


def fits(plan: QueryPlan) -> bool:
    try:
        check_plan(plan, SCHEMA)
    except QueryNotAllowed:
        return False
    return True


def worst_case(plan: QueryPlan) -> QuerySucceeded:
    lowered = lower(plan, SCHEMA, SCHEMA.bounds)
    floats, whole = (LONGEST_FLOAT,) * lowered.keys, (str(LONGEST_WHOLE),) * lowered.keys
    return QuerySucceeded(
        claim_token="t" * 100,
        epoch=1,
        cpu_ms=LONGEST_FLOAT,
        wall_ms=LONGEST_FLOAT,
        answer=QueryAnswer(
            group_by=plan.group_by,
            keys=answer_keys(plan, SCHEMA),
            measures=tuple(
                MeasureValues(
                    name=m.alias, function=m.function, values=floats, low=floats, high=floats
                )
                for m in lowered.measures
            ),
            primitives=tuple(
                NoisyPrimitive(
                    kind=p.kind, column=p.column, centre=p.centre, noise=WIDEST, values=whole
                )
                for p in lowered.primitives
            ),
        ),
    )


@pytest.mark.parametrize("second", ["word", "short"])
def test_the_largest_allowed_answer_passes_the_cap(second: str) -> None:
    largest = max(n for n in range(1, 33) if fits(asking(n, "site", second)))
    assert largest < 32
    sent = worst_case(asking(largest, "site", second)).model_dump_json()
    assert len(sent.encode()) < MAX_ANSWER_BYTES + 100_000
    assert len(sent.encode()) > MAX_ANSWER_BYTES / 4
    assert Settings(data_dir="unused").result_max_bytes > MAX_ANSWER_BYTES + 100_000


def test_a_larger_answer_is_refused_with_advice() -> None:
    with pytest.raises(QueryNotAllowed, match="fewer aggregates") as refused:
        check_plan(asking(32, "site", "short"), SCHEMA)
    (error,) = refused.value.errors
    assert error["loc"] == "group_by"


def test_an_ordinary_answer_with_all_keys_is_allowed() -> None:
    plan = QueryPlan(
        group_by=("site", "short"),
        aggregates=(
            Aggregate(function="count", alias="n"),
            Aggregate(function="sum", column="x0", alias="s"),
            Aggregate(function="avg", column="x0", alias="a"),
        ),
    )
    assert check_plan(plan, SCHEMA).aggregates == plan.aggregates
    assert len(worst_case(plan).model_dump_json()) > 2**20
