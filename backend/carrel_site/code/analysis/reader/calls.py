"""What an expression's value holds of the data, calls among them."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Sequence

from . import known
from .findings import ALARM, WARNING
from .functions import CLEAN, DERIVED, MAYBE, ROWS, Env, Function, Functions
from .names import Names


class Calls(ABC):
    """The part of the flow that works out levels of expressions."""

    _names: dict[str, Names]
    _functions: Functions
    _attributes: Env
    _path: str
    _changed: bool
    _under: int
    _seen: int

    @abstractmethod
    def _say(self, rule: str, at: ast.AST, message: str, level: str) -> None: ...

    @abstractmethod
    def _branch(self, at: ast.AST, what: str) -> None: ...

    @abstractmethod
    def _over(self, level: int, at: ast.AST, what: str) -> None: ...

    @abstractmethod
    def _leaves(self, level: int, at: ast.AST, how: str) -> None: ...

    @abstractmethod
    def _bind(self, target: ast.expr, level: int, env: Env, value: ast.expr | None) -> None: ...

    @abstractmethod
    def _taint(self, holder: ast.expr, level: int, env: Env) -> None: ...

    @abstractmethod
    def _look_up(self, name: str, env: Env) -> int: ...

    def _level(self, node: ast.expr, env: Env) -> int:
        level = self._plain_level(node, env)
        if level:
            self._seen += 1
        return level

    def _plain_level(self, node: ast.expr, env: Env) -> int:  # noqa: PLR0911, PLR0912 (one a kind)
        match node:
            case ast.Constant():
                return CLEAN
            case ast.Name():
                return self._look_up(node.id, env)
            case ast.Attribute():
                return self._attribute(node, env)
            case ast.Subscript():
                base, at = self._level(node.value, env), self._level(node.slice, env)
                return max(base, min(at, DERIVED))
            case ast.Call():
                return self._call(node, env)
            case ast.IfExp():
                test = self._level(node.test, env)
                if test:
                    self._branch(node, "a choice")
                either = max(self._level(node.body, env), self._level(node.orelse, env))
                return max(either, min(test, DERIVED))
            case ast.BoolOp():
                levels = [self._level(each, env) for each in node.values]
                if any(levels[:-1]):
                    self._branch(node, "an and or or")
                return max(levels)
            case ast.Lambda():
                function = self._functions.of[id(node)]
                return function.returned
            case ast.NamedExpr():
                level = self._level(node.value, env)
                self._bind(node.target, level, env, None)
                return level
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, env)
            case ast.Yield() | ast.YieldFrom() | ast.Await():
                level = CLEAN if node.value is None else self._level(node.value, env)
                if not isinstance(node, ast.Await):
                    self._leaves(level, node, "yielded")
                return level
        return max(
            (
                self._level(each, env)
                for each in ast.iter_child_nodes(node)
                if isinstance(each, ast.expr)
            ),
            default=CLEAN,
        )

    def _attribute(self, node: ast.Attribute, env: Env) -> int:
        if self._names[self._path].full(node) == "carrel_job.tables":
            return ROWS
        base = self._level(node.value, env)
        stored = self._attributes.get(node.attr, CLEAN)
        if base and node.attr in known.PUBLIC:
            return stored
        if base and (node.attr in known.COUNTED or node.attr in known.AGGREGATES):
            return max(DERIVED, stored)
        return max(base, stored)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, env: Env
    ) -> int:
        inside = dict(env)
        over = CLEAN
        for each in node.generators:
            level = self._level(each.iter, inside)
            self._over(level, each.iter, "a comprehension")
            over = max(over, min(level, DERIVED))
            self._bind(each.target, level, inside, None)
            for test in each.ifs:
                if self._level(test, inside):
                    self._branch(test, "a comprehension's condition")
                    over = DERIVED
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return max(over, *(self._level(part, inside) for part in parts))

    # Calls

    def _call(self, node: ast.Call, env: Env) -> int:
        given = [self._level(each, env) for each in node.args]
        named = {each.arg: self._level(each.value, env) for each in node.keywords}
        worst = max([*given, *named.values()], default=CLEAN)
        full = self._names[self._path].full(node.func) or ""
        self._sinks(node, full, given, named)
        base = CLEAN
        if isinstance(node.func, ast.Attribute):
            base = self._level(node.func.value, env)
        elif not isinstance(node.func, ast.Name):
            base = self._level(node.func, env)
        self._callbacks(node, max(base, worst))
        own = self._own(node)
        returned = max((self._hand_over(each, node, given, named) for each in own), default=CLEAN)
        data_s_own = isinstance(node.func, ast.Attribute) and node.func.attr in _KNOWN and base
        if own and not data_s_own:
            return returned
        if isinstance(node.func, ast.Name) and node.func.id in self._functions.classes:
            for each in self._functions.methods.get(node.func.id, []):  # a dataclass
                self._give(each, next(iter(each.parameters), ""), worst)
            return worst
        if full.startswith("builtins."):
            return self._builtin(full.removeprefix("builtins."), worst)
        root, _, rest = full.partition(".")
        if full and not base:
            return self._library(root, rest.rpartition(".")[2], node, worst)
        if isinstance(node.func, ast.Attribute):
            return max(returned, self._method(node, node.func, base, worst, env))
        return MAYBE if max(base, worst) == ROWS else max(base, worst, self._held(node, env))

    def _held(self, node: ast.Call, env: Env) -> int:
        """Of a variable that is called: a function that closes over data."""
        return self._look_up(node.func.id, env) if isinstance(node.func, ast.Name) else CLEAN

    def _own(self, node: ast.Call) -> list[Function]:
        """The program's own functions that this may call."""
        called = node.func
        if isinstance(called, ast.Lambda):
            return [self._functions.of[id(called)]]
        if isinstance(called, ast.Name):
            found = self._functions.named.get(called.id, [])
            return [f for f in found if not f.method] or self._functions.classes.get(called.id, [])
        if isinstance(called, ast.Attribute):
            if called.attr in _KNOWN:
                return [f for f in self._functions.named.get(called.attr, []) if f.method]
            return self._functions.named.get(called.attr, [])
        return []

    def _hand_over(
        self,
        function: Function,
        node: ast.Call,
        given: Sequence[int],
        named: dict[str | None, int],
    ) -> int:
        parameters = function.parameters[1:] if function.method else function.parameters
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        spread = (
            max([*given, *named.values()], default=CLEAN) if starred or None in named else CLEAN
        )
        rest = max(given[len(parameters) :], default=CLEAN)
        extra = max(
            (n for k, n in named.items() if k not in function.all_parameters), default=CLEAN
        )
        handed = dict(zip(parameters, given, strict=False))
        handed |= {name: level for name, level in named.items() if name is not None}
        for name in function.all_parameters:
            arguments = function.node.args
            level = max(handed.get(name, CLEAN), spread)
            if arguments.vararg is not None and name == arguments.vararg.arg:
                level = max(level, rest)
            if arguments.kwarg is not None and name == arguments.kwarg.arg:
                level = max(level, extra)
            self._give(function, name, level)
        return function.returned

    def _give(self, function: Function, name: str, level: int) -> None:
        if level > function.given.get(name, CLEAN):
            function.given[name] = level
            self._changed = True

    def _callbacks(self, node: ast.Call, level: int) -> None:
        """Functions that are handed to something with data: df.apply(keep), map(lambda …, df)."""
        if not level:
            return
        for each in (*node.args, *(k.value for k in node.keywords)):
            taken: list[Function] = []
            if isinstance(each, ast.Lambda):
                taken = [self._functions.of[id(each)]]
            elif isinstance(each, ast.Name | ast.Attribute):
                name = each.id if isinstance(each, ast.Name) else each.attr
                taken = self._functions.named.get(name, [])
            for function in taken:
                for name in function.all_parameters[int(function.method) :]:
                    self._give(function, name, level)

    def _builtin(self, name: str, worst: int) -> int:
        if name in known.CONSTANT_BUILTINS:
            return CLEAN
        if name in known.REDUCING_BUILTINS:
            return min(worst, DERIVED)
        if name in known.SAME_BUILTINS or worst < ROWS:
            return worst
        return MAYBE

    def _library(self, root: str, word: str, node: ast.Call, worst: int) -> int:
        if root == "pandas" and word.startswith("read_"):
            return ROWS
        if word in known.AGGREGATES and not _per_row(node):
            return min(worst, DERIVED)
        if root in known.KEEPS_ROWS or worst < ROWS:
            return worst
        return MAYBE

    def _method(self, node: ast.Call, func: ast.Attribute, base: int, worst: int, env: Env) -> int:
        method = func.attr
        if worst and method in known.MUTATORS:
            put = MAYBE if method in _FITS else worst
            self._taint(func.value, put, env)
        if base and method in ("agg", "aggregate"):
            return DERIVED if _plain_aggregates(node) else MAYBE
        if base and method in known.AGGREGATES:
            return base if _per_row(node) else DERIVED
        if base and method in known.ROW_KEEPING:
            return max(base, min(worst, ROWS))
        both = max(base, worst, self._attributes.get(method, CLEAN))
        return MAYBE if both == ROWS else both

    def _sinks(
        self, node: ast.Call, full: str, given: Sequence[int], named: dict[str | None, int]
    ) -> None:
        worst = max([*given, *named.values()], default=CLEAN)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if full == "carrel_job.save":
            if given and given[0]:
                self._say("row-return", node, "a result's name carries data", ALARM)
            self._leaves(max([*given[1:], *named.values()], default=CLEAN), node, "saved")
        if not worst:
            return
        logs = method in known.LOGS and not full.startswith(("numpy.", "math.", "pandas."))
        if full in known.PRINTS or (logs and worst and full.startswith("logging")):
            self._say("data-print", node, "what is printed carries data", WARNING)
        elif full in known.EXITS:
            self._say("exit", node, "how the program ends carries data", ALARM)
        elif full.endswith(".sleep"):
            self._say("timing", node, "how long it waits depends on the data", ALARM)


_KNOWN = known.ROW_KEEPING | known.AGGREGATES
_FITS = ("fit", "partial_fit", "train", "fit_transform")


def _per_row(node: ast.Call) -> bool:
    return any(
        k.arg == "axis" and not (isinstance(k.value, ast.Constant) and k.value.value in (0, None))
        for k in node.keywords
    )


def _plain_aggregates(node: ast.Call) -> bool:
    """Whether all that is handed to agg() are names of aggregates."""
    given = [*node.args, *(k.value for k in node.keywords if k.arg not in ("axis", "as_index"))]
    todo: list[ast.AST] = list(given)
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Dict):
            todo += each.values
        elif isinstance(each, ast.List):
            todo += each.elts
        elif isinstance(each, ast.Tuple):  # n=("column", "mean")
            todo += each.elts[-1:]
        elif not (isinstance(each, ast.Constant) and each.value in known.AGGREGATES):
            return False
    return bool(given)
