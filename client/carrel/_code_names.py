"""Which names a definition takes from around it, and what those were imported as."""

from __future__ import annotations

import ast
import symtable
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

from carrel._code_source import Definition, Source


class Used(NamedTuple):
    """A name that is looked up outside the definition, and where it is used first."""

    name: str
    at: ast.expr


def used_names(text: str, definition: Definition) -> list[Used]:
    """In the order of their first use. Names in annotations alone are left out: the program that
    is sent does not evaluate them.

    text: the definition's, as `text_of` gives it.
    """
    wanted = _global_names(text, definition.name)
    found: dict[str, Used] = {}
    for node in _evaluated(definition):
        if isinstance(node, ast.Name) and node.id in wanted:
            found.setdefault(node.id, Used(node.id, node))
    return sorted(found.values(), key=lambda used: (used.at.lineno, used.at.col_offset))


def has_annotations(definition: ast.AST) -> bool:
    return any(
        isinstance(node, ast.AnnAssign)
        or (isinstance(node, ast.arg) and node.annotation is not None)
        or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None)
        for node in ast.walk(definition)
    )


def _global_names(text: str, own: str) -> set[str]:
    top = symtable.symtable("from __future__ import annotations\n" + text, "<text>", "exec")
    names = {
        symbol.get_name()
        for symbol in top.get_symbols()
        if symbol.is_referenced() and symbol.get_name() not in (own, "annotations")
    }
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        names |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return names - {own}


def _evaluated(definition: ast.AST) -> Iterator[ast.AST]:
    """Every node but decorators of a function and annotations."""
    todo: list[ast.AST] = [definition]
    while todo:
        node = todo.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns"):
                continue
            if node is definition and field == "decorator_list":
                if isinstance(node, ast.ClassDef):
                    todo += value
                continue
            if isinstance(value, ast.AST):
                todo.append(value)
            elif isinstance(value, list):
                todo += [each for each in value if isinstance(each, ast.AST)]


class Imported(NamedTuple):
    """An import that gives a name its value."""

    statement: str
    root: str
    at: ast.AST | None
    """Where it stands; None where it was worked out from the value."""


def import_of(source: Source, name: str, value: Any) -> list[Imported]:
    """The imports that bind `name` to `value`, as they were written if they are in the file;
    else one that does the same; none where there is none."""
    written = list(_written(source.tree, name, value))
    if written:
        return written
    if isinstance(value, ModuleType):
        return _of_module(value, name)
    module, place = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(place, str) or module == "__main__":
        return []
    if getattr(sys.modules.get(module), place, None) is not value:
        return []
    alias = "" if place == name else f" as {name}"
    return [Imported(f"from {module} import {place}{alias}", module.partition(".")[0], None)]


def _written(tree: ast.Module, name: str, value: Any) -> Iterator[Imported]:
    for node in _module_level(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                given = sys.modules.get(alias.name if alias.asname else bound)
                if bound == name and given is value:
                    said = f" as {alias.asname}" if alias.asname else ""
                    root = alias.name.partition(".")[0]
                    yield Imported(f"import {alias.name}{said}", root, alias)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            for alias in node.names:
                given = getattr(sys.modules.get(node.module), alias.name, None)
                if (alias.asname or alias.name) == name and given is value:
                    said = f" as {alias.asname}" if alias.asname else ""
                    root = node.module.partition(".")[0]
                    yield Imported(f"from {node.module} import {alias.name}{said}", root, alias)


def _module_level(tree: ast.Module) -> Iterator[ast.stmt]:
    todo: list[ast.AST] = list(reversed(tree.body))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.stmt):
            yield node
            todo += [n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.expr)]
        elif isinstance(node, ast.ExceptHandler):
            todo += node.body


def _of_module(module: ModuleType, name: str) -> list[Imported]:
    path = module.__name__
    root = path.partition(".")[0]
    if name == path:
        return [Imported(f"import {path}", root, None)]
    return [Imported(f"import {path} as {name}", root, None)]


def imports_within(definition: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """Each import in it: where, the module's first part ('' of a relative one), and all of it."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias, alias.name.partition(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield node, "" if node.level else module.partition(".")[0], "." * node.level + module
