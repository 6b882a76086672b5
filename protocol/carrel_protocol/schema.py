"""The public description of a table: columns, public domains, bounds per unit.

Everything here is declared by the owner and readable by every researcher with access; nothing
here may be worked out from private rows. Stored tables agree with it by construction: ingest
moves numbers outside a domain to its nearest bound and turns unknown categories into nulls.
"""

from bisect import bisect_left
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from carrel_protocol.base import READABLE, Name, Sent

MAX_ABS_STORED = 2**53 - 1
MAX_CATEGORIES = 100_000
MAX_INTEGER_KEYS = 10_000

Category = Annotated[str, StringConstraints(min_length=0, max_length=200)]
DecimalText = Annotated[str, StringConstraints(pattern=r"^-?\d{1,18}(\.\d{1,12})?$")]
"""A decimal number written out, so that it is exact: "12.50"."""


class _Column(Sent):
    name: Name
    nullable: bool = True
    description: Annotated[str, StringConstraints(max_length=2000), READABLE] = ""


class IntegerColumn(_Column):
    """Whole numbers in [lower, upper]; values outside are moved to the nearest bound."""

    type: Literal["integer"] = "integer"
    lower: int = Field(ge=-MAX_ABS_STORED, le=MAX_ABS_STORED)
    upper: int = Field(ge=-MAX_ABS_STORED, le=MAX_ABS_STORED)

    @model_validator(mode="after")
    def _ordered(self) -> "IntegerColumn":
        if self.lower > self.upper:
            raise ValueError(
                f"column {self.name!r}: lower {self.lower} is above upper {self.upper}"
            )
        return self

    @property
    def stored_bounds(self) -> tuple[int, int]:
        return self.lower, self.upper

    @property
    def unit(self) -> Decimal:
        return Decimal(1)


class RealColumn(_Column):
    """Numbers in [lower, upper] kept as whole multiples of `resolution` (fixed point).

    Floating point has no place in a private sum (Mironov 2012; Casacuberta et al. 2022), so a
    real column is stored as integers: round(value / resolution). NaN and infinities are nulls.
    """

    type: Literal["real"] = "real"
    lower: DecimalText
    upper: DecimalText
    resolution: DecimalText = "0.01"

    @model_validator(mode="after")
    def _exact(self) -> "RealColumn":
        # Fractions: thirty digits are more than a decimal context divides without an error.
        step = Fraction(self.resolution)
        if step <= 0:
            raise ValueError(f"column {self.name!r}: resolution must be positive")
        for label, bound in (("lower", self.lower), ("upper", self.upper)):
            if Fraction(bound) % step:
                raise ValueError(
                    f"column {self.name!r}: {label} {bound} is no multiple of "
                    f"resolution {self.resolution}"
                )
        low, high = self.stored_bounds
        if low > high:
            raise ValueError(
                f"column {self.name!r}: lower {self.lower} is above upper {self.upper}"
            )
        if max(abs(low), abs(high)) > MAX_ABS_STORED:
            raise ValueError(f"column {self.name!r}: the domain holds more than 2^53 steps")
        return self

    @property
    def stored_bounds(self) -> tuple[int, int]:
        step = Fraction(self.resolution)
        return int(Fraction(self.lower) / step), int(Fraction(self.upper) / step)

    @property
    def unit(self) -> Decimal:
        return Decimal(self.resolution)


class BooleanColumn(_Column):
    """True or false; stored as 1 and 0."""

    type: Literal["boolean"] = "boolean"


class CategoryColumn(_Column):
    """One of a public list of values; stored as the value's place in the list."""

    type: Literal["category"] = "category"
    categories: tuple[Category, ...] = Field(min_length=1, max_length=MAX_CATEGORIES)

    @model_validator(mode="after")
    def _sorted(self) -> "CategoryColumn":
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"column {self.name!r}: a category is listed twice")
        # Codes follow the sorted order of the values, never the order they were met in.
        object.__setattr__(self, "categories", tuple(sorted(self.categories)))
        return self

    def has(self, value: str) -> bool:
        """Whether `value` is one of the categories."""
        place = bisect_left(self.categories, value)
        return place < len(self.categories) and self.categories[place] == value


Column = Annotated[
    IntegerColumn | RealColumn | BooleanColumn | CategoryColumn, Field(discriminator="type")
]
NumericColumn = IntegerColumn | RealColumn


class UnitBounds(Sent):
    """How much of one unit's data an answer may use; what exceeds it is scaled or left out.

    rows_per_unit: rows of a unit that count in an ungrouped aggregate.
    rows_per_group: rows of a unit that count in any one group (k).
    groups_per_unit: groups that a unit may contribute to (L0).
    """

    rows_per_unit: int = Field(default=1, ge=1, le=1_000_000)
    rows_per_group: int = Field(default=1, ge=1, le=1_000_000)
    groups_per_unit: int = Field(default=1, ge=1, le=1_000_000)


class DeclaredSize(Sent):
    """The owner's public, approximate size. Pricing and deadlines know no other."""

    rows: int = Field(ge=1, le=10**12)
    units: int = Field(ge=1, le=10**12)


class TableSchema(Sent):
    """A table's public metadata. `unit_column` is never selectable and not among `columns`."""

    unit_column: Name
    columns: tuple[Column, ...] = Field(min_length=1, max_length=2000)
    bounds: UnitBounds = UnitBounds()
    size: DeclaredSize

    @model_validator(mode="after")
    def _distinct(self) -> "TableSchema":
        # SQL folds case, so names that differ in case alone would be one column there.
        seen = {self.unit_column.lower()}
        for column in self.columns:
            if column.name.lower() in seen:
                raise ValueError(f"the name {column.name!r} is used twice (case is ignored)")
            seen.add(column.name.lower())
        return self

    def column(self, name: str) -> Column | None:
        """The column of that name (case is ignored), or None."""
        columns, by_name = self.indexed
        if columns is not self.columns:  # this is a `model_copy` with other columns
            del self.__dict__["indexed"]
            _, by_name = self.indexed
        return by_name.get(name.lower())

    @cached_property
    def indexed(self) -> tuple[tuple[Column, ...], dict[str, Column]]:
        """`columns`, and each of them by its name in lower case."""
        return self.columns, {column.name.lower(): column for column in self.columns}


def public_keys(column: Column) -> tuple[int | str | bool | None, ...] | None:
    """The values a GROUP BY on `column` always lists, nulls last; None if it cannot be grouped."""
    values: tuple[int | str | bool | None, ...]
    match column:
        case CategoryColumn():
            values = column.categories
        case BooleanColumn():
            values = (False, True)
        case IntegerColumn() if column.upper - column.lower < MAX_INTEGER_KEYS:
            values = tuple(range(column.lower, column.upper + 1))
        case _:
            return None
    return (*values, None) if column.nullable else values
