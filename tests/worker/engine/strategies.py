"""Generated schemas, uploads and queries, with the awkward cases common rather than rare.

Everything is drawn through one `random.Random` that hypothesis controls, so that examples are
cheap to make and still shrink.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from hypothesis import note
from hypothesis import strategies as st

from carrel_protocol.plan import (
    Aggregate,
    Arithmetic,
    Between,
    BooleanLiteral,
    ColumnRef,
    Comparison,
    DecimalLiteral,
    Expression,
    In,
    IntegerLiteral,
    IsNull,
    Logical,
    Negate,
    Not,
    QueryPlan,
    TextLiteral,
)
from carrel_protocol.schema import (
    MAX_ABS_STORED,
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
    public_keys,
)
from tests.worker.engine.tables import Record, table_of

_TEXTS = ("", "a", "b", "é", "Z", "it's", '"q"', "a,b")
_UNITS = ("7", "7", "7", "10", "9", "x y", " 9 ", "é", "", "A")
_INTEGERS = ((0, 3), (-2, 2), (5, 5), (10, 40), (0, 2**40), (-MAX_ABS_STORED, MAX_ABS_STORED))
_REALS = (
    ("-1", "1", "0.25"), ("0", "1000.5", "0.5"), ("-30", "-3", "3"), ("0.01", "0.05", "0.01"),
    (f"-{MAX_ABS_STORED}", f"{MAX_ABS_STORED}", "1"),
)  # fmt: skip
_ODD_NUMBERS = (
    "", "NaN", "inf", "-inf", "1e300", "-1e300", "text", "1e18", "-1e18", "-0.0",
)  # fmt: skip
_OPS: tuple[Any, ...] = ("eq", "ne", "lt", "le", "gt", "ge")


@dataclass(frozen=True)
class Case:
    schema: TableSchema
    records: tuple[Record, ...]
    plan: QueryPlan
    offsets: dict[str, int]
    """By unit."""
    file_format: Literal["csv", "parquet"]


def _named(case: Case) -> Case:
    note(f"{case}")
    return case


def cases() -> st.SearchStrategy[Case]:
    return st.randoms(use_true_random=False).map(_case).map(_named)


def _case(random: Random) -> Case:
    schema = _schema(random)
    records = tuple(
        (random.choice(_UNITS), *(_field(random, column) for column in schema.columns))
        for _ in range(random.choice([0, 1, 3, 8, 16, 24]))
    )
    return Case(
        schema,
        records,
        _Plans(random, schema).plan(),
        {
            unit: random.getrandbits(64)
            for unit in sorted({record[0].strip() for record in records})
        },
        "parquet" if random.random() < 0.2 else "csv",
    )


def _schema(random: Random) -> TableSchema:
    columns = tuple(_column(random, f"C{place}") for place in range(random.randint(1, 5)))
    bounds = UnitBounds(
        rows_per_unit=random.choice([1, 2, 3, 7, 1_000_000]),
        rows_per_group=random.choice([1, 1, 2, 3, 1_000_000]),
        groups_per_unit=random.choice([1, 2, 2, 3, 1_000_000]),
    )
    return table_of(*columns, bounds=bounds)


def _column(random: Random, name: str) -> Column:
    match random.randrange(4):
        case 0:
            low, high = random.choice(_INTEGERS)
            return IntegerColumn(name=name, lower=low, upper=high)
        case 1:
            bottom, top, step = random.choice(_REALS)
            return RealColumn(name=name, lower=bottom, upper=top, resolution=step)
        case 2:
            return BooleanColumn(name=name)
        case _:
            listed = random.sample(_TEXTS, random.randint(1, 5))
            return CategoryColumn(name=name, categories=tuple(listed))


def _field(random: Random, column: Column) -> str:
    """A text for a column: mostly usable, now and then null, beyond the domain, or nonsense."""
    match column:
        case CategoryColumn():
            return random.choice([*column.categories, *column.categories, "unlisted", ""])
        case BooleanColumn():
            return random.choice(["true", "false", "1", "0", "", "maybe"])
        case IntegerColumn() | RealColumn():
            low, high = column.stored_bounds
            if random.random() < 0.25:
                return random.choice(_ODD_NUMBERS)
            # On the grid, so that the nearest double and the text round alike.
            steps = random.choice([low, high, min(low + 1, high), random.randint(low, high)])
            return format(steps * column.unit, "f")


class _Plans:
    """Queries over one schema."""

    def __init__(self, random: Random, schema: TableSchema) -> None:
        self.random = random
        self.numbers = _names(schema, IntegerColumn, RealColumn)
        self.texts = _names(schema, CategoryColumn)
        self.truths = _names(schema, BooleanColumn)
        self.names = [column.name for column in schema.columns]
        self.groupable = [c.name for c in schema.columns if 0 < len(public_keys(c) or ()) < 50]
        self.near = ["0", "0.005", "0.3", "100000000000000000"]
        for column in schema.columns:
            if isinstance(column, IntegerColumn | RealColumn):
                for bound in column.stored_bounds:
                    self.near += [
                        format((2 * bound + s) * column.unit / 2, "f") for s in range(-2, 3)
                    ]

    def plan(self) -> QueryPlan:
        random = self.random
        choices: list[tuple[Any, str | None]] = [("count", None)]
        choices += [("count", name) for name in self.names]
        choices += [(function, name) for function in ("sum", "avg") for name in self.numbers]
        grouping = random.sample(self.groupable, min(len(self.groupable), random.randint(0, 2)))
        return QueryPlan(
            where=self.condition(3) if random.random() < 0.7 else None,
            group_by=tuple(random.choice([name, name.lower()]) for name in grouping),
            aggregates=tuple(
                Aggregate(function=function, column=name, alias=f"m{place}")
                for place, (function, name) in enumerate(random.choices(choices, k=3))
            ),
        )

    def condition(self, depth: int) -> Expression:
        random = self.random
        match random.randrange(10 if depth else 6):
            case 0 | 1:
                return Comparison(op=random.choice(_OPS), left=self.number(2), right=self.number(2))
            case 2:
                return Comparison(op=random.choice(_OPS), left=self.text(), right=self.text())
            case 3:
                return Between(arg=self.number(1), low=self.number(1), high=self.number(1))
            case 4:
                return self.listed()
            case 5:
                if random.random() < 0.5:
                    return IsNull(arg=ColumnRef(name=random.choice(self.names)))
                return self.truth()
            case 6:
                return Not(arg=self.condition(depth - 1))
            case 7 | 8:
                args = tuple(self.condition(depth - 1) for _ in range(random.randint(2, 3)))
                return Logical(op=random.choice(["and", "or"]), args=args)
            case _:
                left, right = self.condition(depth - 1), self.condition(depth - 1)
                return Comparison(op=random.choice(_OPS), left=left, right=right)

    def listed(self) -> Expression:
        count = range(self.random.randint(1, 3))
        match self.random.randrange(3):
            case 0:
                return In(arg=self.number(2), values=tuple(self.number_literal() for _ in count))
            case 1:
                return In(arg=self.text(), values=tuple(self.word() for _ in count))
            case _:
                values = tuple(BooleanLiteral(value=self.random.random() < 0.5) for _ in count)
                return In(arg=self.truth(), values=values)

    def number(self, depth: int) -> Expression:
        random = self.random
        choice = random.random()
        if depth and choice < 0.3:
            left, right = self.number(depth - 1), self.number(depth - 1)
            op: Any = random.choice(["add", "subtract", "multiply"])
            return Arithmetic(op=op, left=left, right=right)
        if depth and choice < 0.4:
            return Negate(arg=self.number(depth - 1))
        if self.numbers and choice < 0.8:
            return ColumnRef(name=random.choice(self.numbers))
        return self.number_literal()

    def number_literal(self) -> Any:
        """At and around the ends of domains, and between the steps of a resolution."""
        random = self.random
        match random.randrange(3):
            case 0:
                return IntegerLiteral(value=random.randint(-3, 12))
            case 1:
                return IntegerLiteral(value=random.randint(-MAX_ABS_STORED, MAX_ABS_STORED))
            case _:
                return DecimalLiteral(value=random.choice(self.near))

    def text(self) -> Expression:
        if self.texts and self.random.random() < 0.7:
            return ColumnRef(name=self.random.choice(self.texts))
        return self.word()

    def word(self) -> TextLiteral:
        return TextLiteral(value=self.random.choice([*_TEXTS, "unlisted", "zz"]))

    def truth(self) -> Expression:
        if self.truths and self.random.random() < 0.7:
            return ColumnRef(name=self.random.choice(self.truths))
        return BooleanLiteral(value=self.random.random() < 0.5)


def _names(schema: TableSchema, *kinds: type) -> list[str]:
    return [column.name for column in schema.columns if isinstance(column, kinds)]
