"""Conditions: from sqlglot's tree to the plan's expressions, leaf by leaf."""

from dataclasses import dataclass, field
from typing import Any

from sqlglot import Token, exp

from carrel_protocol.plan import (
    MAX_DEPTH,
    Arithmetic,
    Between,
    BooleanLiteral,
    ColumnRef,
    Comparison,
    Constant,
    DecimalLiteral,
    Expression,
    In,
    IntegerLiteral,
    IsNull,
    Logical,
    Negate,
    Not,
    TextLiteral,
)
from carrel_protocol.schema import MAX_ABS_STORED
from carrel_site.pricing import advice
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.pricing.scan import MAX_ERRORS, Text

MAX_LISTED = 1000
MAX_TEXT = 200

_COMPARISONS: dict[type[exp.Expr], Any] = {
    exp.EQ: "eq", exp.NEQ: "ne", exp.LT: "lt", exp.LTE: "le", exp.GT: "gt", exp.GTE: "ge",
}  # fmt: skip
_ARITHMETIC: dict[type[exp.Expr], Any] = {
    exp.Add: "add", exp.Sub: "subtract", exp.Mul: "multiply",
}  # fmt: skip
FORM = f"this cannot be understood here; {advice.OTHER_STATEMENT}"


@dataclass(slots=True)
class Leaves:
    """The leaves of the text, taken in order while its tree is walked in the same order."""

    text: Text
    leaves: list[Token]
    cursor: int = 0
    places: dict[str, int] = field(default_factory=dict)
    """Offsets in the text by path in the plan."""
    errors: list[tuple[int, str]] = field(default_factory=list)
    qualified: list[tuple[int, str]] = field(default_factory=list)
    """The tables that columns were said to be of."""

    def here(self) -> int:
        """The offset of the next leaf: where the node at hand begins."""
        if self.cursor < len(self.leaves):
            return self.leaves[self.cursor].start
        return self.leaves[-1].end + 1 if self.leaves else 0

    def leaf(self, expected: str) -> int:
        """Take the next leaf, which must read `expected`, and return its offset."""
        offset = self.here()
        token = self.leaves[self.cursor] if self.cursor < len(self.leaves) else None
        if token is None or token.text.upper() != expected.upper():
            raise self.refusal(offset, FORM)
        self.cursor += 1
        return offset

    def note(self, offset: int, message: str) -> None:
        """Record an error that does not keep the rest from being read, up to `MAX_ERRORS`."""
        if len(self.errors) >= MAX_ERRORS:
            message = "and more from here on; correct those first"
            raise self._refused([*self.errors, (offset, message)])
        if (offset, message) not in self.errors:
            self.errors.append((offset, message))

    def refusal(self, offset: int, message: str) -> QueryNotAllowed:
        """What to raise where nothing more can be read: this error and those before it."""
        return self._refused([*self.errors, (offset, message)])

    def refused(self) -> QueryNotAllowed:
        return self._refused(self.errors)

    def _refused(self, errors: list[tuple[int, str]]) -> QueryNotAllowed:
        ordered = sorted(dict.fromkeys(errors))
        return QueryNotAllowed(self.text.error(offset, message) for offset, message in ordered)

    def parts(self, node: exp.Expr, *allowed: str) -> None:
        """Refuse `node` if it has a part beyond those allowed."""
        for name, value in node.args.items():
            if name not in allowed and value not in (None, False, []):
                raise self.refusal(self.here(), FORM)

    def column(self, node: exp.Column) -> str:
        self.parts(node, "this", "table")
        table = node.args.get("table")
        if type(node.this) is not exp.Identifier:
            raise self.refusal(self.here(), FORM)
        if table is not None:
            self.qualified.append((self.leaf(table.name), table.name))
        self.leaf(node.name)
        return node.name


class ConditionReader(Leaves):
    """Reads WHERE. Types are `carrel_protocol.binding`'s to check."""

    __slots__ = ()

    def expression(  # noqa: PLR0911 (one return a kind of node)
        self, node: exp.Expr, path: str, depth: int
    ) -> Expression:
        while type(node) is exp.Paren:
            self.parts(node, "this")
            node = node.this
        self.places[path] = self.here()
        if depth > MAX_DEPTH:
            raise self.refusal(
                self.here(), f"conditions nest at most {MAX_DEPTH} levels deep; write it flatter"
            )
        kind = type(node)
        if kind in (exp.And, exp.Or):
            return self.logical(node, path, depth)
        if kind in _COMPARISONS or kind in _ARITHMETIC:
            self.parts(node, "this", "expression")
            left = self.expression(node.this, f"{path}.left", depth + 1)
            right = self.expression(node.expression, f"{path}.right", depth + 1)
            if kind in _COMPARISONS:
                return Comparison(op=_COMPARISONS[kind], left=left, right=right)
            return Arithmetic(op=_ARITHMETIC[kind], left=left, right=right)
        match node:
            case exp.Column():
                return ColumnRef(name=self.column(node))
            case exp.Literal() | exp.Boolean():
                return self.constant(node)
            case exp.Not() | exp.Neg():
                self.parts(node, "this")
                arg = self.expression(node.this, f"{path}.arg", depth + 1)
                return Not(arg=arg) if kind is exp.Not else Negate(arg=arg)
            case exp.Between():
                self.parts(node, "this", "low", "high")
                return Between(
                    arg=self.expression(node.this, f"{path}.arg", depth + 1),
                    low=self.expression(node.args["low"], f"{path}.low", depth + 1),
                    high=self.expression(node.args["high"], f"{path}.high", depth + 1),
                )
            case exp.In():
                return self.membership(node, path, depth)
            case exp.Is():
                return self.is_null(node, path, depth)
        raise self.refusal(self.here(), FORM)

    def logical(self, node: exp.Expr, path: str, depth: int) -> Expression:
        """A chain of ANDs or of ORs: sqlglot leans it to the left, as deep as it is long."""
        kind = type(node)
        chain: list[exp.Expr] = []
        while type(node) is kind:
            self.parts(node, "this", "expression")
            chain.append(node.expression)
            node = node.this
        chain.append(node)
        args = tuple(
            self.expression(arg, f"{path}.args[{index}]", depth + 1)
            for index, arg in enumerate(reversed(chain))
        )
        # Not validated here: `check_plan` gathers equalities into one IN before it counts them.
        return Logical.model_construct(op="and" if kind is exp.And else "or", args=args)

    def membership(self, node: exp.In, path: str, depth: int) -> Expression:
        self.parts(node, "this", "expressions")
        arg = self.expression(node.this, f"{path}.arg", depth + 1)
        if not 1 <= len(node.expressions) <= MAX_LISTED:
            raise self.refusal(
                self.here(), f"IN takes a list of 1 to {MAX_LISTED} values: IN (1, 2)"
            )
        values: list[Constant] = []
        for index, value in enumerate(node.expressions):
            self.places[f"{path}.values[{index}]"] = self.here()
            values.append(self.constant(value))
        return In(arg=arg, values=tuple(values))

    def is_null(self, node: exp.Is, path: str, depth: int) -> Expression:
        self.parts(node, "this", "expression")
        arg = self.expression(node.this, f"{path}.arg", depth + 1)
        if type(node.expression) is not exp.Null:
            raise self.refusal(
                self.here(), "after IS comes NULL or NOT NULL; write = TRUE or = FALSE"
            )
        self.leaf("NULL")
        if not isinstance(arg, ColumnRef):
            raise self.refusal(
                self.places[f"{path}.arg"], "IS NULL takes a column; test each by itself"
            )
        return IsNull(arg=arg)

    def constant(self, node: exp.Expr) -> Constant:
        negative = False
        while type(node) is exp.Neg:
            node, negative = node.this, not negative
        if type(node) is exp.Boolean and not negative:
            self.leaf("TRUE" if node.this else "FALSE")
            return BooleanLiteral(value=bool(node.this))
        if type(node) is not exp.Literal or (node.is_string and negative):
            raise self.refusal(
                self.here(), "IN takes a list of plain values: numbers, texts, TRUE, FALSE"
            )
        offset = self.leaf(node.name)
        if node.is_string:
            if len(node.name) > MAX_TEXT:
                raise self.refusal(offset, f"a text has at most {MAX_TEXT} characters")
            return TextLiteral(value=node.name)
        written = f"-{node.name}" if negative else node.name
        if "." not in written and abs(int(written)) <= MAX_ABS_STORED:
            return IntegerLiteral(value=int(written))
        return DecimalLiteral(value=written)
