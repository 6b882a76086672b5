"""Where a function or class was written: its file or notebook cell, and its place there."""

from __future__ import annotations

import ast
import linecache
import re
import sys
import textwrap
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any, NoReturn

from carrel._errors import CodeNotAllowed
from carrel_protocol.invisible import described, hidden_in

_ANNOTATIONS = 0x1000000
"""The compiler's flag of that import."""
_HIDDEN = re.compile(
    r"[^\S\n\t ]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)

Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Source:
    """A file, or a notebook's cell, as Python read it."""

    shown: str
    """Its name in messages."""
    text: str
    tree: ast.Module

    def refuse(
        self, at: ast.AST | tuple[int, int], message: str, advice: str | None = None
    ) -> NoReturn:
        """Raise `CodeNotAllowed` that shows the line of `at` (a node; or line and column, from 1),
        with a caret."""
        if isinstance(at, ast.AST):
            line = int(getattr(at, "lineno", 1))
            before = self.text.split("\n")[line - 1].encode()[: getattr(at, "col_offset", 0)]
            at = line, len(before.decode(errors="replace")) + 1
        error = CodeNotAllowed(
            message,
            advice=advice,
            errors=({"path": self.shown, "line": at[0], "column": at[1], "message": message},),
        )
        # What cannot be seen takes one place, so that the caret stands below what is meant.
        error.source = "".join(c if c in "\n\t" or c.isprintable() else "\ufffd" for c in self.text)
        raise error


def read_source(shown: str, text: str) -> Source:
    """`text` as a program. Raises `CodeNotAllowed` where it is none."""
    text = text.replace("\r\n", "\n")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        Source(shown, text, ast.Module([], [])).refuse(
            (error.lineno or 1, error.offset or 1), f"this is no Python: {error.msg}"
        )
    except (ValueError, RecursionError, MemoryError) as error:
        raise CodeNotAllowed(f"{shown} cannot be read as Python: {error}") from None
    return Source(shown, text, tree)


def check_readable(source: Source, first: int = 1, last: int | None = None) -> None:
    """Raise `CodeNotAllowed` where lines hold what no reader of them would see."""
    for character, line, column in hidden_in(source.text):
        if first <= line <= (last or line):
            source.refuse(
                (line, column), f"the character {described(character)} cannot be seen; take it out"
            )


def source_of(value: FunctionType | type) -> tuple[Source, Definition]:
    """Where `value` was defined. Raises `CodeNotAllowed` where that cannot be found, or where it
    is another text by now than the one that was run."""
    name = value.__name__
    filename = _file_of(value)
    lines = [] if filename is None else linecache.getlines(filename, _globals_of(value))
    if filename is None or not lines:
        raise CodeNotAllowed(
            f"The source of {name} cannot be found.",
            advice="Write it into a file or a notebook's cell: what was typed at a prompt or made "
            "by exec() has no text that a reviewer could read.",
        )
    source = read_source(_shown(filename), "".join(lines))
    found = _definition(source.tree, value)
    if found is None:
        raise _changed(name, source)
    check_readable(source, found.lineno, found.end_lineno)
    text = text_of(source, found)
    if not any(_same(value, each, found.name) for each in (text, source.text)):
        raise _changed(name, source)
    return source, found


def text_of(source: Source, definition: Definition) -> str:
    """Its lines, decorators of functions left out, moved to the left margin."""
    first = definition.lineno
    if isinstance(definition, ast.ClassDef) and definition.decorator_list:
        first = definition.decorator_list[0].lineno
    # By line feeds alone, as Python counts lines.
    lines = source.text.split("\n")[first - 1 : definition.end_lineno]
    text = textwrap.dedent("\n".join(lines)).rstrip() + "\n"
    try:
        moved = ast.parse(text).body
    except SyntaxError:
        moved = []
    kept = definition
    if isinstance(definition, ast.FunctionDef):
        kept = ast.FunctionDef(**{**dict(ast.iter_fields(definition)), "decorator_list": []})
    if len(moved) != 1 or ast.dump(moved[0]) != ast.dump(kept):
        source.refuse(
            definition,
            f"{definition.name} cannot be taken out of what stands around it",
            "Write it at the left margin, on lines of its own.",
        )
    return text


def _changed(name: str, source: Source) -> CodeNotAllowed:
    return CodeNotAllowed(
        f"{source.shown} was changed after {name} was defined from it.",
        advice="Run it again (importlib.reload, or the cell), so that what is asked is what you "
        "ran.",
    )


def _shown(filename: str) -> str:
    if "ipykernel" in filename or filename.startswith("<ipython-input"):
        return "this notebook's cell"
    return re.split(r"[\\/]", filename)[-1]


def _globals_of(value: FunctionType | type) -> dict[str, Any]:
    if isinstance(value, FunctionType):
        return value.__globals__
    module = sys.modules.get(value.__module__)
    return vars(module) if isinstance(module, ModuleType) else {}


def _file_of(value: FunctionType | type) -> str | None:
    if isinstance(value, FunctionType):
        return value.__code__.co_filename
    for method in _methods(value):
        if not method.__code__.co_filename.startswith("<string>"):  # as dataclasses write them
            return method.__code__.co_filename
    module = sys.modules.get(value.__module__)
    return getattr(module, "__file__", None)


def _methods(value: type) -> list[FunctionType]:
    """Those that its own text may hold, in its order."""
    found = []
    for each in vars(value).values():
        function = getattr(each, "__func__", getattr(each, "fget", each))
        if isinstance(function, FunctionType):
            found.append(function)
    return found


def _definition(tree: ast.Module, value: FunctionType | type) -> Definition | None:
    if isinstance(value, FunctionType):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == value.__code__.co_name:
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                if first == value.__code__.co_firstlineno:
                    return node
        return None
    classes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == value.__name__
    ]
    lines = [m.__code__.co_firstlineno for m in _methods(value) if _same_file(m, value)]
    for node in classes:
        if all(node.lineno <= line <= (node.end_lineno or 0) for line in lines):
            return node if lines or len(classes) == 1 else None
    return None


def _same_file(method: FunctionType, value: type) -> bool:
    return method.__code__.co_filename == _file_of(value)


def _same(value: FunctionType | type, text: str, name: str) -> bool:
    """Whether `text` compiles to what `value` runs."""
    if "@pytest_ar" in _globals_of(value):
        return True  # a test's module, whose asserts were written anew: nothing to compare with
    if isinstance(value, FunctionType):
        future = bool(value.__code__.co_flags & _ANNOTATIONS)
        return any(_alike(value.__code__, code) for code in _compiled(text, name, future))
    methods = {m.__code__.co_name: m.__code__ for m in _methods(value) if _same_file(m, value)}
    if not methods:
        return True
    future = bool(next(iter(methods.values())).co_flags & _ANNOTATIONS)
    for code in _compiled(text, name, future):
        written = {each.co_name: each for each in code.co_consts if isinstance(each, CodeType)}
        if all(of in written and _alike(each, written[of]) for of, each in methods.items()):
            return True
    return False


def _compiled(text: str, name: str, future: bool) -> list[CodeType]:
    """Code of the definitions `name` in `text`."""
    # A file is compiled as a whole, and a notebook's cell statement by statement, which makes
    # other calls of what was imported: both are tried.
    flags = _ANNOTATIONS if future else 0
    todo = [compile(text, "<text>", "exec", flags, dont_inherit=True)]
    found = []
    while todo:
        inside = [each for each in todo.pop().co_consts if isinstance(each, CodeType)]
        found += [each for each in inside if each.co_name == name]
        todo += inside
    return found


def _alike(one: CodeType, other: CodeType) -> bool:
    """Whether two do the same, wherever they were written."""
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_argcount == other.co_argcount
        and one.co_kwonlyargcount == other.co_kwonlyargcount
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_alike_constant, one.co_consts, other.co_consts))
    )


def _alike_constant(one: object, other: object) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return _alike(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, str) and "<locals>" in one:  # a qualified name, of where it stood
        return True
    return one == other or repr(one) == repr(other)
