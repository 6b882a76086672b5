"""Follows the data through a program: which values depend on it, and where that shows.

Levels only ever rise, and are followed until nothing changes; findings are taken in one more round
after that. Advice, and no proof: what is assigned through objects it does not know is not seen.
"""

import ast
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager

from . import known
from .calls import Calls
from .findings import ALARM, NOTE, WARNING, Findings
from .functions import CLEAN, DERIVED, MAYBE, ROWS, Env, Function, Functions
from .names import Names

_MOST_ROUNDS = 16
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Flow(Calls):
    """One program's. `run()` once."""

    def __init__(
        self,
        trees: dict[str, ast.Module],
        names: dict[str, Names],
        data_names: Set[str],
        entry: str | None,
        found: Findings,
    ) -> None:
        self._trees = trees
        self._names = names
        self._found = found
        self._functions = Functions(trees)
        self._outputs = {id(f.node) for f in self._functions.outputs(data_names, entry)}
        self._modules: dict[str, Env] = {path: {} for path in trees}
        self._attributes: Env = {}
        """By the attribute's name alone, of whichever object."""
        self._loops: dict[int, Env] = {}
        self._changed = False
        self._reporting = False
        self._path = ""
        self._function: Function | None = None
        self._under = CLEAN
        """DERIVED within what only runs for some data."""
        self._seen = 0
        for function in self._functions.every:
            if function.parent is None and not function.method:
                for name in function.all_parameters:
                    if name in data_names:
                        function.given[name] = ROWS

    def run(self) -> None:
        for _ in range(_MOST_ROUNDS):
            self._changed = False
            self._round()
            if not self._changed:
                break
        self._reporting = True
        self._round()

    def _round(self) -> None:
        for path, tree in self._trees.items():
            self._path, self._function, self._under = path, None, CLEAN
            env = dict(self._modules[path])
            self._block(tree.body, env)
            self._raise_env(self._modules[path], env)
        for function in self._functions.every:
            self._path, self._function, self._under = function.path, function, CLEAN
            env = {name: function.given.get(name, CLEAN) for name in function.all_parameters}
            if isinstance(function.node, ast.Lambda):
                self._returns(self._level(function.node.body, env), function.node.body)
            else:
                self._block(function.node.body, env)
            self._raise_env(function.env, env)

    def _raise_env(self, kept: Env, seen: Env) -> None:
        for name, level in seen.items():
            if level > kept.get(name, CLEAN):
                kept[name] = level
                self._changed = True

    def _say(self, rule: str, at: ast.AST, message: str, level: str) -> None:
        if self._reporting:
            self._found.add(rule, self._path, at, message, level)

    # Statements

    def _block(self, body: Sequence[ast.stmt], env: Env) -> bool:
        """Whether what follows the block is reached from its end."""
        return all(self._statement(statement, env) for statement in body)

    def _statement(self, node: ast.stmt, env: Env) -> bool:  # noqa: PLR0912 (one a kind)
        match node:
            case ast.Assign():
                level = self._level(node.value, env)
                for target in node.targets:
                    self._bind(target, level, env, node.value)
            case ast.AnnAssign() if node.value is not None:
                self._bind(node.target, self._level(node.value, env), env, node.value)
            case ast.AugAssign():
                level = max(self._level(node.value, env), self._level(node.target, env))
                self._bind(node.target, level, env, None)
            case ast.Return() | ast.Expr():
                value = node.value
                level = CLEAN if value is None else self._level(value, env)
                if isinstance(node, ast.Return):
                    self._returns(level, value or node)
            case ast.If():
                self._if(node, env)
            case ast.For() | ast.AsyncFor():
                self._for(node, env)
            case ast.While():
                self._while(node, env)
            case ast.Try() | ast.TryStar():
                return self._try(node, env)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    level = self._level(item.context_expr, env)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, level, env, None)
                return self._block(node.body, env)
            case ast.Match():
                self._match(node, env)
            case ast.Assert():
                self._condition(node.test, env, "an assertion")
                if node.msg is not None and self._level(node.msg, env):
                    self._say("data-raise", node, "an assertion's message carries data", ALARM)
            case ast.Raise():
                self._raise(node, env)
            case ast.ClassDef():
                self._block(node.body, env)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    if default is not None:
                        self._level(default, env)
            case ast.Delete():
                pass
        return not isinstance(node, _ENDS)

    def _if(self, node: ast.If, env: Env) -> None:
        tainted = self._condition(node.test, env, "an if")
        other = dict(env)
        with self._when(tainted):
            goes_on = self._block(node.body, env)
            otherwise = self._block(node.orelse, other)
        if goes_on and otherwise:
            _join(env, other)
        elif otherwise:
            env.clear()
            env.update(other)

    def _for(self, node: ast.For | ast.AsyncFor, env: Env) -> None:
        level = self._level(node.iter, env)
        self._over(level, node, "a loop")
        with self._when(bool(level)), self._loop(node, env):
            self._bind(node.target, level, env, None)
            self._block(node.body, env)
        self._block(node.orelse, env)

    def _while(self, node: ast.While, env: Env) -> None:
        with self._loop(node, env):
            tainted = self._condition(node.test, env, "a while")
            with self._when(tainted):
                self._block(node.body, env)
        self._block(node.orelse, env)

    def _try(self, node: ast.Try | ast.TryStar, env: Env) -> bool:
        before, seen = dict(env), self._seen
        goes_on = self._block(node.body, env)
        tainted = self._seen > seen
        if goes_on:
            goes_on = self._block(node.orelse, env)
        _join(before, env)
        for handler in node.handlers:
            if tainted:
                self._say(
                    "exception-branch",
                    handler,
                    "what happens after an error can depend on the data",
                    NOTE,
                )
            caught = dict(before)
            if handler.name:
                # An error's text may quote what it was about.
                caught[handler.name] = MAYBE if tainted else CLEAN
            with self._when(tainted):
                if self._block(handler.body, caught):
                    _join(env, caught)
                    goes_on = True
        return self._block(node.finalbody, env) and goes_on

    def _match(self, node: ast.Match, env: Env) -> None:
        level = self._level(node.subject, env)
        if level:
            self._branch(node, "a match")
        ends = []
        for case in node.cases:
            inside = dict(env)
            for pattern in ast.walk(case.pattern):
                name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                if isinstance(name, str):
                    inside[name] = level
            if case.guard is not None:
                self._condition(case.guard, inside, "a match")
            with self._when(bool(level)):
                self._block(case.body, inside)
            ends.append(inside)
        for inside in ends:
            _join(env, inside)

    def _raise(self, node: ast.Raise, env: Env) -> None:
        level = max(
            (self._level(each, env) for each in (node.exc, node.cause) if each is not None),
            default=CLEAN,
        )
        if level and node.exc is not None:
            self._say("data-raise", node, "what is raised carries data", ALARM)

    def _returns(self, level: int, at: ast.AST) -> None:
        function = self._function
        if function is None:
            return
        if level > function.returned:
            function.returned = level
            self._changed = True
        if id(function.node) in self._outputs:
            self._leaves(level, at, "returned")

    def _leaves(self, level: int, at: ast.AST, how: str) -> None:
        if level == ROWS:
            self._say("row-return", at, f"rows of the data are {how}", ALARM)
        elif level == MAYBE:
            self._say("row-return", at, f"what is {how} may hold rows of the data", WARNING)

    # Conditions and loops

    def _condition(self, test: ast.expr, env: Env, what: str) -> bool:
        if self._level(test, env):
            self._branch(test, what)
            return True
        return False

    def _branch(self, at: ast.AST, what: str) -> None:
        self._say("data-branch", at, f"{what} depends on the data", WARNING)

    def _over(self, level: int, at: ast.AST, what: str) -> None:
        if level >= MAYBE:
            self._say("row-loop", at, f"{what} goes over rows of the data", WARNING)
        elif level == DERIVED:
            self._say("row-loop", at, f"how often {what} runs depends on the data", NOTE)

    @contextmanager
    def _when(self, tainted: bool) -> Iterator[None]:
        before = self._under
        self._under = max(before, DERIVED if tainted else CLEAN)
        yield
        self._under = before

    @contextmanager
    def _loop(self, node: ast.AST, env: Env) -> Iterator[None]:
        """Its body once, on all that earlier rounds saw at its end."""
        before = dict(env)
        kept = self._loops.setdefault(id(node), {})
        _join(env, kept)
        yield
        self._raise_env(kept, env)
        _join(env, before)

    # Assignments

    def _bind(self, target: ast.expr, level: int, env: Env, value: ast.expr | None) -> None:
        level = max(level, self._under)
        match target:
            case ast.Name():
                env[target.id] = level
            case ast.Tuple() | ast.List():
                parts: Sequence[ast.expr] = ()
                if isinstance(value, ast.Tuple | ast.List):
                    parts = value.elts if len(value.elts) == len(target.elts) else ()
                for place, each in enumerate(target.elts):
                    own = self._level(parts[place], env) if parts else level
                    self._bind(each, own, env, None)
            case ast.Starred():
                self._bind(target.value, level, env, None)
            case ast.Attribute():
                self._level(target.value, env)
                if level > self._attributes.get(target.attr, CLEAN):
                    self._attributes[target.attr] = level
                    self._changed = True
            case ast.Subscript():
                where = min(self._level(target.slice, env), DERIVED)
                self._taint(target.value, max(level, where), env)

    def _taint(self, holder: ast.expr, level: int, env: Env) -> None:
        """Something was put into `holder`."""
        while isinstance(holder, ast.Subscript | ast.Attribute | ast.Call):
            if isinstance(holder, ast.Attribute):
                if level > self._attributes.get(holder.attr, CLEAN):
                    self._attributes[holder.attr] = level
                    self._changed = True
                return
            holder = holder.func if isinstance(holder, ast.Call) else holder.value
        if isinstance(holder, ast.Name):
            env[holder.id] = max(env.get(holder.id, CLEAN), level, self._under)

    def _look_up(self, name: str, env: Env) -> int:
        level = env.get(name)
        around = None if self._function is None else self._function.parent
        while level is None and around is not None:
            level = around.env.get(name, around.given.get(name))
            around = around.parent
        if level is None:
            level = self._modules[self._path].get(name, CLEAN)
            if not level and known.BUILTINS.get(name) is None:
                level = max(
                    (env_of.get(name, CLEAN) for env_of in self._imported(name)), default=CLEAN
                )
        return level

    def _imported(self, name: str) -> list[Env]:
        """Other files' names, where this one has the name from them."""
        full = self._names[self._path].full(ast.Name(name, ast.Load()))
        if full is None or "." not in full:
            return []
        module = full.rpartition(".")[0].replace(".", "/") + ".py"
        return [self._modules[module]] if module in self._modules else []


def _join(env: Env, other: Env) -> None:
    for name, level in other.items():
        if level > env.get(name, CLEAN):
            env[name] = level
