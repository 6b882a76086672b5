"""The functions of a program, and what is known about the data that flows through them.

Levels, from nothing to everything:

| level | a value that |
|---|---|
| CLEAN | does not depend on the data |
| DERIVED | was made of many rows, or chosen by data |
| MAYBE | came out of something unknown that was given rows |
| ROWS | has a part for each row |
"""

import ast
from collections.abc import Set
from dataclasses import dataclass, field

CLEAN, DERIVED, MAYBE, ROWS = range(4)
Env = dict[str, int]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class Function:
    """A function or lambda, and the worst that was seen to go in and to come out."""

    path: str
    node: FunctionNode
    name: str
    parent: "Function | None"
    """The one around it; None at the top of a file."""
    method: bool
    given: Env = field(default_factory=dict)
    returned: int = CLEAN
    env: Env = field(default_factory=dict)
    """Its names at the end, for functions within it."""
    calls: set[str] = field(default_factory=set)

    @property
    def parameters(self) -> list[str]:
        arguments = self.node.args
        return [each.arg for each in (*arguments.posonlyargs, *arguments.args)]

    @property
    def all_parameters(self) -> list[str]:
        arguments = self.node.args
        more = [each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None]
        return self.parameters + [each.arg for each in arguments.kwonlyargs] + more


class Functions:
    """All of a program's, by name and by node."""

    def __init__(self, trees: dict[str, ast.Module]) -> None:
        self.every: list[Function] = []
        self.named: dict[str, list[Function]] = {}
        self.of: dict[int, Function] = {}
        self.classes: dict[str, list[Function]] = {}
        """A class's name, and its `__init__`s."""
        self.methods: dict[str, list[Function]] = {}
        """A class's name, and all of its functions."""
        for path, tree in trees.items():
            self._gather(path, tree)

    def _gather(self, path: str, tree: ast.Module) -> None:
        todo: list[tuple[ast.AST, Function | None, str]] = [(tree, None, "")]
        while todo:
            node, parent, within = todo.pop()
            around = ""
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                name = "" if isinstance(node, ast.Lambda) else node.name
                parent = Function(path, node, name, parent, method=bool(within) and bool(name))
                self.every.append(parent)
                self.of[id(node)] = parent
                if name:
                    self.named.setdefault(name, []).append(parent)
                if parent.method:
                    self.methods.setdefault(within, []).append(parent)
                if within and name == "__init__":
                    self.classes.setdefault(within, []).append(parent)
            elif isinstance(node, ast.ClassDef):
                self.classes.setdefault(node.name, [])
                around = node.name
            elif isinstance(node, ast.Call) and parent is not None:
                called = node.func
                word = called.attr if isinstance(called, ast.Attribute) else None
                parent.calls.add(called.id if isinstance(called, ast.Name) else word or "")
            keep = within if isinstance(node, ast.If | ast.Try | ast.With) else around
            todo += [(child, parent, keep) for child in ast.iter_child_nodes(node)]

    def outputs(self, data_names: Set[str], entry: str | None) -> list[Function]:
        """Those whose return values would leave: the entry, or where none is named, each that
        takes the data and is called by none of the others."""
        top = [f for f in self.every if f.parent is None and f.name and not f.method]
        if entry is not None:
            return [f for f in top if f.name == entry]
        takes = [f for f in top if data_names and data_names <= set(f.all_parameters)]
        called = {name for f in takes for name in f.calls if name != f.name}
        return [f for f in takes if f.name not in called] or takes
