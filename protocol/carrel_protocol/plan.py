"""The typed query plan: what a question is, whichever way it was written.

SQL and the Python builder both end here, and the worker compiles only this. Expressions follow
SQL's three-valued logic and are total: no value that a stored table can hold makes one fail.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from carrel_protocol.base import Name, Sent
from carrel_protocol.schema import MAX_ABS_STORED, DecimalText

MAX_DEPTH = 32
MAX_NODES = 2000


class ColumnRef(Sent):
    op: Literal["column"] = "column"
    name: Name


class IntegerLiteral(Sent):
    op: Literal["integer"] = "integer"
    value: int = Field(ge=-MAX_ABS_STORED, le=MAX_ABS_STORED, strict=True)


class DecimalLiteral(Sent):
    op: Literal["decimal"] = "decimal"
    value: DecimalText


class TextLiteral(Sent):
    op: Literal["text"] = "text"
    value: Annotated[str, StringConstraints(max_length=200)]


class BooleanLiteral(Sent):
    op: Literal["boolean"] = "boolean"
    value: bool = Field(strict=True)


Constant = Annotated[
    IntegerLiteral | DecimalLiteral | TextLiteral | BooleanLiteral, Field(discriminator="op")
]


class Arithmetic(Sent):
    """Integer arithmetic. Null when either side is null."""

    op: Literal["add", "subtract", "multiply"]
    left: "Expression"
    right: "Expression"


class Negate(Sent):
    op: Literal["negate"] = "negate"
    arg: "Expression"


class Comparison(Sent):
    op: Literal["eq", "ne", "lt", "le", "gt", "ge"]
    left: "Expression"
    right: "Expression"


class Logical(Sent):
    op: Literal["and", "or"]
    args: tuple["Expression", ...] = Field(min_length=2, max_length=200)


class Not(Sent):
    op: Literal["not"] = "not"
    arg: "Expression"


class In(Sent):
    op: Literal["in"] = "in"
    arg: "Expression"
    values: tuple[Constant, ...] = Field(min_length=1, max_length=1000)


class Between(Sent):
    """low <= arg <= high."""

    op: Literal["between"] = "between"
    arg: "Expression"
    low: "Expression"
    high: "Expression"


class IsNull(Sent):
    op: Literal["is_null"] = "is_null"
    arg: ColumnRef


Expression = Annotated[
    ColumnRef
    | IntegerLiteral
    | DecimalLiteral
    | TextLiteral
    | BooleanLiteral
    | Arithmetic
    | Negate
    | Comparison
    | Logical
    | Not
    | In
    | Between
    | IsNull,
    Field(discriminator="op"),
]


class Aggregate(Sent):
    """One released measure. `count` without a column counts rows; with one, its non-nulls."""

    function: Literal["count", "sum", "avg"]
    column: Name | None = None
    alias: Name

    @model_validator(mode="after")
    def _has_column(self) -> "Aggregate":
        if self.column is None and self.function != "count":
            raise ValueError(f"{self.function} needs a column")
        return self


class QueryPlan(Sent):
    """SELECT aggregates FROM one table WHERE … GROUP BY columns with public keys."""

    version: Literal[1] = 1
    where: Expression | None = None
    group_by: tuple[Name, ...] = Field(default=(), max_length=16)
    aggregates: tuple[Aggregate, ...] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _well_formed(self) -> "QueryPlan":
        labels = [*self.group_by, *(a.alias for a in self.aggregates)]
        lowered = [label.lower() for label in labels]
        for label in labels:
            if lowered.count(label.lower()) > 1:
                raise ValueError(f"the name {label!r} is used twice in the answer")
        return self


for _model in (Arithmetic, Negate, Comparison, Logical, Not, In, Between, QueryPlan):
    _model.model_rebuild()
