"""From sqlglot's tree to a query plan, by an allow list: what is not named here is refused.

Every node must be of an allowed type with allowed parts, and every leaf must be the next leaf of
the text. So nothing that was written can be dropped, moved or added on the way, and the place of
every part of the plan is known.
"""

from dataclasses import dataclass, field
from typing import Literal

from sqlglot import exp

from carrel_protocol.operands import Refusals, find_column
from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.schema import TableSchema
from carrel_site.pricing import advice
from carrel_site.pricing.scan import Scanned, Text
from carrel_site.pricing.where import FORM, ConditionReader

MAX_GROUP_BY = 16
MAX_AGGREGATES = 64

_FUNCTIONS: dict[type[exp.Expr], Literal["count", "sum", "avg"]] = {
    exp.Count: "count", exp.Sum: "sum", exp.Avg: "avg",
}  # fmt: skip


@dataclass(slots=True)
class Converted:
    plan: QueryPlan
    places: dict[str, int]
    """Offsets in the text by path in the plan."""

    def offset(self, path: str) -> int:
        """Where the part at `path`, or the nearest part around it, was written."""
        while path not in self.places and path:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, 0)


@dataclass(slots=True)
class _Bare:
    """A column that was selected without an aggregate."""

    name: str
    offset: int


@dataclass(slots=True)
class _Measure:
    function: Literal["count", "sum", "avg"]
    column: str | None
    alias: str | None
    offset: int
    """Of the aggregate's argument."""
    alias_offset: int


def convert(
    tree: exp.Expr, scanned: Scanned, text: Text, dataset_name: str, schema: TableSchema
) -> Converted:
    """The plan that `tree` asks for. Raises `QueryNotAllowed`; types are left to `check_plan`."""
    reader = _QuestionReader(text, scanned.leaves, dataset_name=dataset_name, schema=schema)
    return reader.question(tree)


@dataclass(slots=True, kw_only=True)
class _QuestionReader(ConditionReader):
    dataset_name: str
    schema: TableSchema
    qualifiers: set[str] = field(default_factory=set)

    def question(self, tree: exp.Expr) -> Converted:
        if type(tree) is not exp.Select:
            raise self.refusal(0, advice.OTHER_STATEMENT)
        self.parts(tree, "expressions", "from", "from_", "where", "group")
        items = [self.item(item) for item in tree.expressions]
        self.source(tree.args.get("from_") or tree.args.get("from"))
        where = tree.args.get("where")
        condition = None
        if where is not None:
            self.parts(where, "this")
            condition = self.expression(where.this, "where", 1)
        group_by = self.group_by(tree.args.get("group"), items)
        if self.cursor != len(self.leaves):
            raise self.refusal(self.here(), FORM)
        for offset, qualifier in self.qualified:
            if qualifier.lower() not in self.qualifiers:
                self.note(
                    offset, f"there is no table {qualifier!r}; write {self.dataset_name}.column"
                )
        aggregates = self.measures(items, group_by)
        if self.errors:
            raise self.refused()
        plan = QueryPlan(where=condition, group_by=group_by, aggregates=aggregates)
        return Converted(plan, self.places)

    def item(self, node: exp.Expr) -> _Bare | _Measure:
        inner, alias = node, None
        if type(node) is exp.Alias:
            self.parts(node, "this", "alias")
            inner = node.this
            name = node.args.get("alias")
            if type(name) is not exp.Identifier:
                raise self.refusal(self.here(), FORM)
            alias = name.name
        start = self.here()
        if type(inner) is exp.Column:
            offset = self.here()
            bare = _Bare(self.column(inner), offset)
            if alias is not None:
                place = self.leaf(alias)
                if alias.lower() != bare.name.lower():
                    self.note(place, "group columns keep their names; rename them in the answer")
            return bare
        if type(inner) not in _FUNCTIONS:
            raise self.refusal(
                start,
                "SELECT lists group columns and COUNT, SUM or AVG of one column each; "
                "work on their answers after they arrive, at no cost",
            )
        function = _FUNCTIONS[type(inner)]
        self.leaf(function)
        column, offset = self.argument(inner, function, start)
        alias_offset = self.leaf(alias) if alias is not None else start
        return _Measure(function, column, alias, offset, alias_offset)

    def argument(self, node: exp.Expr, function: str, start: int) -> tuple[str | None, int]:
        self.parts(node, "this", "big_int")
        inner = node.this
        while type(inner) is exp.Paren:
            inner = inner.this
        offset = self.here()
        if type(inner) is exp.Column:
            return self.column(inner), offset
        if function == "count" and type(inner) is exp.Star:
            self.parts(inner)
            return None, start
        if function == "count" and type(inner) is exp.Literal and not inner.is_string:
            self.leaf(inner.name)
            return None, start
        raise self.refusal(
            start if type(inner) is exp.Star else offset,
            f"{function.upper()} takes one column; ask the owner for a view with that expression",
        )

    def source(self, node: exp.Expr | None) -> None:
        end = len(self.text.sql.rstrip())
        if node is None:
            raise self.refusal(end, f"FROM is missing; write FROM {self.dataset_name}")
        self.parts(node, "this")
        table = node.this
        if type(table) is not exp.Table or type(table.this) is not exp.Identifier:
            raise self.refusal(self.here(), f"write FROM {self.dataset_name}")
        self.parts(table, "this", "alias")
        offset = self.leaf(table.name)
        if table.name.lower() != self.dataset_name.lower():
            self.note(
                offset,
                f"there is no table {table.name!r} here; this question goes to "
                f"{self.dataset_name!r}, so write FROM {self.dataset_name}",
            )
        self.qualifiers.add(table.name.lower())
        alias = table.args.get("alias")
        if alias is not None:
            self.parts(alias, "this")
            self.leaf(alias.name)
            self.qualifiers = {alias.name.lower()}

    def group_by(self, node: exp.Expr | None, items: list[_Bare | _Measure]) -> tuple[str, ...]:
        if node is None:
            return ()
        self.parts(node, "expressions")
        names: list[str] = []
        for expression in node.expressions:
            inner = expression
            while type(inner) is exp.Paren:
                inner = inner.this
            offset = self.here()
            if type(inner) is exp.Column:
                name = self.column(inner)
            elif type(inner) is exp.Literal and not inner.is_string:
                self.leaf(inner.name)
                place = int(inner.name) if inner.name.isdigit() else 0
                item = items[place - 1] if 1 <= place <= len(items) else None
                if not isinstance(item, _Bare):
                    self.note(
                        offset, f"{inner.name} is not the place of a selected column; name it"
                    )
                    continue
                name = item.name
            else:
                raise self.refusal(offset, advice.GROUPING)
            if name.lower() not in [other.lower() for other in names]:
                self.places[f"group_by[{len(names)}]"] = offset
                names.append(name)
            if len(names) > MAX_GROUP_BY:
                raise self.refusal(offset, f"at most {MAX_GROUP_BY} columns can follow GROUP BY")
        return tuple(names)

    def measures(
        self, items: list[_Bare | _Measure], group_by: tuple[str, ...]
    ) -> tuple[Aggregate, ...]:
        grouped = {name.lower() for name in group_by}
        for item in items:
            if isinstance(item, _Bare) and item.name.lower() not in grouped:
                self.refuse_bare(item)
        measures = [item for item in items if isinstance(item, _Measure)]
        if not measures and not self.errors:
            raise self.refusal(
                self.leaves[0].start, "nothing is computed; add COUNT(*), SUM(…) or AVG(…)"
            )
        if len(measures) > MAX_AGGREGATES:
            raise self.refusal(
                measures[MAX_AGGREGATES].offset, f"at most {MAX_AGGREGATES} aggregates can be asked"
            )
        taken = set(grouped)
        for measure in measures:
            if measure.alias is None:
                continue
            if measure.alias.lower() in taken:
                self.note(
                    measure.alias_offset,
                    f"the name {measure.alias!r} is used twice in the answer; choose another",
                )
            taken.add(measure.alias.lower())
        if self.errors:
            raise self.refused()
        aggregates: list[Aggregate] = []
        for index, measure in enumerate(measures):
            self.places[f"aggregates[{index}]"] = measure.offset
            alias = measure.alias or _default_alias(measure, taken)
            taken.add(alias.lower())
            aggregates.append(
                Aggregate(function=measure.function, column=measure.column, alias=alias)
            )
        return tuple(aggregates)

    def refuse_bare(self, item: _Bare) -> None:
        refusals = Refusals(hints=len(self.errors))
        column = find_column(item.name, self.schema, "", refusals)
        if column is None:
            for error in refusals.taken():
                self.note(item.offset, error.message)
        else:
            self.note(
                item.offset,
                f"{column.name!r} would show rows; add it to GROUP BY, "
                "or ask for COUNT, SUM or AVG of it",
            )


def _default_alias(measure: _Measure, taken: set[str]) -> str:
    """count, count_x, sum_x or avg_x; with _2, _3, … where that name is taken."""
    base = measure.function if measure.column is None else f"{measure.function}_{measure.column}"
    alias, number = base[:63], 1
    while alias.lower() in taken:
        number += 1
        alias = f"{base[:58]}_{number}"
    return alias
