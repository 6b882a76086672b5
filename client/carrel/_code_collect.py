"""A function with everything that it names, as one text that runs elsewhere.

The text is the same whenever the same things were written: imports in order, constants, then
definitions, each after what it needs.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import pprint
import sys
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from carrel._code_names import (
    Used,
    has_annotations,
    import_of,
    imports_within,
    used_names,
)
from carrel._code_source import Definition, Source, source_of, text_of
from carrel._errors import CodeNotAllowed

LONGEST_CONSTANT = 10_000
"""Characters of one constant: more is data, which no reviewer reads."""
_BY_DEF = "Write it with def, at the left margin of a file or a cell."


@dataclass(frozen=True)
class Allowed:
    """What code may import beside the standard library: an environment's modules."""

    environment: str
    modules: Set[str]

    def has(self, root: str) -> bool:
        return root in self.modules or root in sys.stdlib_module_names

    def refuse(self, source: Source, at: ast.AST, module: str) -> None:
        shown = ", ".join(sorted(self.modules)) or "nothing beside the standard library"
        source.refuse(
            at,
            f"{module} is not in the environment {self.environment!r}",
            f"It has {shown}. The site's owner makes environments; functions of your own files are "
            "taken along when they are imported by name: from helpers import clean.",
        )


def function_source(function: Any) -> tuple[Source, ast.FunctionDef]:
    """Where a function to be sent is written, after all that needs no site has been checked.

    Raises `CodeNotAllowed`.
    """
    if not isinstance(function, FunctionType):
        raise CodeNotAllowed(f"{function!r} is no function that was written with def.")
    if function.__name__ == "<lambda>":
        _refuse_lambda(function)
    source, definition = source_of(function)
    if not isinstance(definition, ast.FunctionDef):
        raise CodeNotAllowed(f"{function.__name__} is no function.")
    _check(function, source, definition)
    return source, definition


def collect(function: FunctionType, allowed: Allowed) -> str:
    """The program's text, `function` defined last. Raises `CodeNotAllowed`."""
    program = _Program(allowed)
    program.define(function)
    return program.text()


@dataclass
class _Program:
    allowed: Allowed
    meanings: dict[str, Any] = field(default_factory=dict)
    """What each name stands for: one thing, wherever it is used."""
    imports: set[str] = field(default_factory=set)
    constants: list[str] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)
    annotated: bool = False

    def define(self, value: FunctionType | type) -> None:
        """Add a function or class, after what it names."""
        if isinstance(value, FunctionType):
            found: tuple[Source, Definition] = function_source(value)
        else:
            found = source_of(value)
        source, definition = found
        self.meanings[definition.name] = value
        text = text_of(source, definition)
        self.annotated = self.annotated or has_annotations(definition)
        for at, root, module in imports_within(definition):
            if not root:
                source.refuse(at, f"{module} is relative, and a program is one file")
            if not self.allowed.has(root):
                self.allowed.refuse(source, at, module)
        around = _globals(value)
        for used in used_names(text, definition):
            if used.name in around:
                self._name(source, used, around[used.name], around.get("__name__"))
            elif not hasattr(builtins, used.name):
                source.refuse(used.at, f"{used.name} is not defined here")
        self.definitions.append(text)

    def _name(self, source: Source, used: Used, value: Any, module: object) -> None:
        value = _unwrapped(value)
        if used.name in self.meanings:
            known = self.meanings[used.name]
            alike = (
                _is_constant(known) and _is_constant(value) and _literal(known) == _literal(value)
            )
            if known is not value and not alike:
                source.refuse(
                    used.at,
                    f"{used.name} means something else in another part of the program",
                    "Everything is sent as one file: give one of the two another name.",
                )
            return
        self.meanings[used.name] = value
        imported = import_of(source, used.name, value)
        if imported and all(self.allowed.has(one.root) for one in imported):
            self.imports |= {one.statement for one in imported}
        elif _is_own(value):
            self._own(source, used, value)
        elif imported and not _is_constant(value) and getattr(value, "__module__", "") != module:
            first = imported[0]
            self.allowed.refuse(source, first.at or used.at, first.statement.split()[1])
        else:
            self._constant(source, used, value)

    def _own(self, source: Source, used: Used, value: FunctionType | type) -> None:
        if value.__name__ == "<lambda>":
            source.refuse(used.at, f"{used.name} is a lambda, without a text of its own", _BY_DEF)
        known = self.meanings.get(value.__name__, value)
        if known is not value:
            source.refuse(
                used.at,
                f"{used.name} is defined as {value.__name__}, which means something else here",
                "Everything is sent as one file: give one of the two another name.",
            )
        self.define(value)
        if used.name != value.__name__:
            self.definitions.append(f"{used.name} = {value.__name__}\n")

    def _constant(self, source: Source, used: Used, value: Any) -> None:
        if not _is_constant(value):
            source.refuse(
                used.at,
                f"{used.name} is a {type(value).__name__} from outside the function",
                "Sent along are functions, classes, modules, and constants: numbers, texts, and "
                "tuples, lists, dicts and sets of them. Hand data over as a dataset, and other "
                "values as parameters.",
            )
        text = f"{used.name} = {_literal(value)}\n"
        if len(text) > LONGEST_CONSTANT:
            source.refuse(
                used.at,
                f"{used.name} is a constant of {len(text):,} characters",
                f"At most {LONGEST_CONSTANT:,} are sent: a reviewer has to read them.",
            )
        self.constants.append(text)

    def text(self) -> str:
        top = ["from __future__ import annotations\n"] if self.annotated else []
        imports = sorted(self.imports, key=lambda one: (one.startswith("from"), one))
        parts = ["".join(top), "".join(f"{one}\n" for one in imports), "".join(self.constants)]
        head = "\n".join(part for part in parts if part)
        return "\n\n".join(([head] if head else []) + self.definitions)


def _check(function: FunctionType, source: Source, definition: ast.FunctionDef) -> None:
    code = function.__code__
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR | inspect.CO_COROUTINE):
        source.refuse(
            definition, f"{definition.name} is a generator or a coroutine", "Let it return a value."
        )
    decorators = definition.decorator_list
    other = [each for each in decorators if not _is_ours(function, each)]
    if other or len(decorators) > 1:
        source.refuse(
            (other or decorators)[0],
            f"{definition.name} has a decorator beside carrel's own",
            "What it does would not be in the text that is reviewed: take it off.",
        )
    arguments = definition.args
    for starred, sign in ((arguments.vararg, "*"), (arguments.kwarg, "**")):
        if starred is not None:
            source.refuse(
                starred,
                f"{sign}{starred.arg} takes any number of arguments",
                "Name each parameter: they are part of what is approved.",
            )
    if code.co_freevars:
        free = code.co_freevars[0]
        for node in ast.walk(definition):
            if isinstance(node, ast.Name) and node.id == free:
                source.refuse(
                    node,
                    f"{free} comes from the function around {definition.name}",
                    "Hand it over as a parameter, or define both at the left margin.",
                )
    for node in ast.walk(definition):
        if isinstance(node, ast.Global):
            source.refuse(node, f"{node.names[0]} outside the function is changed", "Return it.")


def _is_ours(function: FunctionType, decorator: ast.expr) -> bool:
    """Whether a decorator is this package's, under whichever name."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(called, ast.Name):
        value = function.__globals__.get(called.id)
        if value is None:
            return called.id in ("function", "black_box")
        return getattr(value, "_carrel_decorator", False)
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        module = function.__globals__.get(called.value.id)
        if module is None:  # imported within a function: its name has to do
            return called.attr in ("function", "black_box")
        return getattr(getattr(module, called.attr, None), "_carrel_decorator", False)
    return False


def _unwrapped(value: Any) -> Any:
    return value.function if getattr(type(value), "_carrel_program", False) else value


def _refuse_lambda(function: FunctionType) -> None:
    text = "a lambda has no name and no text of its own"
    try:
        source, _ = _lambda_source(function)
    except (OSError, CodeNotAllowed):
        raise CodeNotAllowed(f"{text.capitalize()}.", advice=_BY_DEF) from None
    source.refuse((function.__code__.co_firstlineno, 1), text, _BY_DEF)


def _lambda_source(function: Callable[..., Any]) -> tuple[Source, int]:
    from carrel._code_source import read_source  # noqa: PLC0415 (for the refusal alone)

    lines, first = inspect.findsource(function)
    return read_source(inspect.getfile(function).rpartition("/")[2], "".join(lines)), first


def _globals(value: FunctionType | type) -> dict[str, Any]:
    if isinstance(value, FunctionType):
        return value.__globals__
    module = sys.modules.get(value.__module__)
    return vars(module) if isinstance(module, ModuleType) else {}


def _is_own(value: Any) -> bool:
    """Whether it is a function or class of the caller's own files, and of no package."""
    if not isinstance(value, FunctionType | type) or value.__module__ == "builtins":
        return False
    if isinstance(value, FunctionType):
        file: str | None = value.__code__.co_filename
    else:
        module = sys.modules.get(value.__module__)
        file = getattr(module, "__file__", None)
        if module is None or value.__module__.partition(".")[0] in sys.builtin_module_names:
            return value.__module__ == "__main__"
    if value.__module__.partition(".")[0] in sys.stdlib_module_names and file is not None:
        return value.__module__ == "__main__"
    return file is None or not {"site-packages", "dist-packages"} & set(
        file.replace("\\", "/").split("/")
    )


def _alike(one: Any, other: Any) -> bool:
    return _is_constant(one) and _is_constant(other) and _literal(one) == _literal(other)


def _is_constant(value: Any) -> bool:
    """Whether it is made of numbers, texts and containers of Python's own, and nothing else."""
    if type(value) in (tuple, list, set, frozenset):
        return all(map(_is_constant, value))
    if type(value) is dict:
        return all(map(_is_constant, value)) and all(map(_is_constant, value.values()))
    return value is None or type(value) in (bool, int, float, complex, str, bytes)


def _literal(value: Any) -> str:
    """`value` as Python writes it, the same each time."""
    if type(value) is float and not math.isfinite(value):
        return f'float("{value}")'
    if type(value) in (set, frozenset):
        inside = ", ".join(sorted(map(_literal, value)))
        brackets = f"{{{inside}}}" if inside else "set()"
        return brackets if type(value) is set else f"frozenset({brackets})"
    if type(value) is dict:
        inside = ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items())
        return _folded("{", inside, "}", value)
    if type(value) is list:
        return _folded("[", ", ".join(map(_literal, value)), "]", value)
    if type(value) is tuple:
        comma = "," if len(value) == 1 else ""
        return _folded("(", ", ".join(map(_literal, value)) + comma, ")", value)
    return repr(value)


def _folded(opened: str, inside: str, closed: str, value: Any) -> str:
    """On one line, or on several where it is long and Python's own layout says the same."""
    line = f"{opened}{inside}{closed}"
    if len(line) <= 90:
        return line
    folded = pprint.pformat(value, width=92, sort_dicts=False)
    try:
        return folded if ast.dump(ast.parse(folded)) == ast.dump(ast.parse(line)) else line
    except (SyntaxError, RecursionError):
        return line
