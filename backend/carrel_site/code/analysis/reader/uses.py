"""What a program reaches for: imports, files, networks, processes, clocks, and what hides them."""

import ast
import re
import sys
from collections.abc import Set

from . import known
from .findings import ALARM, NOTE, WARNING, Findings
from .names import Names
from .text import lookalike

_DUNDER = re.compile(r"__[A-Za-z0-9_]+__\Z")
_FORMAT = re.compile(r"\{[^{}]*[.\[]_")
_QUERY = re.compile(r"__|@\s*[A-Za-z_]\w*\s*[.(\[]")
"""In a text for DataFrame.query: beyond columns and plain variables."""
_EVALUATE = ("query", "eval")
_SETTERS = ("builtins.setattr", "builtins.delattr")
_GETTERS = ("builtins.getattr", "operator.attrgetter", "operator.methodcaller")


class Uses:
    """Reads one file's tree without following its values."""

    def __init__(
        self, path: str, names: Names, own: Set[str], imports: Set[str], found: Findings
    ) -> None:
        self._path = path
        self._names = names
        self._own = own
        self._imports = imports
        self._found = found
        self._methods: set[int] = set()

    def read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            match node:
                case ast.Import():
                    for alias in node.names:
                        self._import(alias, alias.name)
                case ast.ImportFrom():
                    self._import_from(node)
                case ast.Call():
                    self._call(node)
                case ast.Attribute():
                    self._attribute(node)
                case ast.Name():
                    self._name(node)
                case ast.Constant():
                    self._constant(node)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    self._definition(node)
                case ast.arg():
                    self._spelled(node.arg, node)
                case ast.Global():
                    self._add("global", node, "changes what is shared between functions", NOTE)

    def _add(self, rule: str, at: ast.AST, message: str, level: str) -> None:
        self._found.add(rule, self._path, at, message, level)

    def _import_from(self, node: ast.ImportFrom) -> None:
        if node.level:
            return  # among the program's own files
        module = node.module or ""
        for alias in node.names:
            if alias.name == "*":
                self._add(
                    "star-import",
                    node,
                    f"brings every name of {module}: what a name stands for cannot be told",
                    WARNING if module.partition(".")[0] in self._own else ALARM,
                )
            self._import(alias, module, f"{module}.{alias.name}")

    def _import(self, at: ast.AST, module: str, full: str | None = None) -> None:
        root = module.partition(".")[0]
        if module == "urllib.parse" or full == "urllib.parse" or root in self._own:
            return
        if root not in sys.stdlib_module_names and root not in self._imports:
            if root != "carrel_job":
                self._add("unknown-import", at, f"{root} is not in this environment", ALARM)
            return
        for modules, rule, level, what in known.MODULES:
            if root in modules:
                self._add(rule, at, f"{root} {what}", level)
                return
        self._full(at, full or module)

    def _call(self, node: ast.Call) -> None:
        full = self._names.full(node.func) or ""
        first = node.args[0] if node.args else None
        if full in _GETTERS or full in _SETTERS:
            self._by_name(node, full)
        elif full == "builtins.type" and len(node.args) == 3:
            self._add("dynamic", node, "makes a class at run time", WARNING)
        elif isinstance(node.func, ast.Attribute):
            self._method(node, node.func.attr, full, first)

    def _by_name(self, node: ast.Call, full: str) -> None:
        word = full.rpartition(".")[2]
        named = node.args[1:2] if full.startswith("builtins.") else node.args
        for each in named or [node]:
            if not isinstance(each, ast.Constant):
                self._add(
                    "dynamic-access",
                    node,
                    f"{word} takes an attribute whose name is worked out at run time",
                    ALARM,
                )
            elif "__" in str(each.value):
                self._add("dunder", node, f"{word} takes {each.value!r}", ALARM)
        if full in _SETTERS:
            self._add("dynamic-access", node, f"{word} changes an object by name", WARNING)

    def _method(self, node: ast.Call, method: str, full: str, first: ast.expr | None) -> None:
        known_as = f".{method}()"
        if method in _EVALUATE and not full.startswith("builtins."):
            given = first or next((k.value for k in node.keywords if k.arg == "expr"), None)
            if not isinstance(given, ast.Constant):
                self._add(
                    "string-code",
                    node,
                    f"{known_as} evaluates a text that is put together at run time; a plain "
                    "variable goes into it as @name",
                    ALARM,
                )
            elif _QUERY.search(str(given.value)):
                self._add(
                    "string-code", node, f"{known_as} evaluates a text that uses objects", ALARM
                )
        elif method in ("to_pickle", "read_pickle"):
            self._add("pickle", node, f"{known_as} uses a format that runs code", ALARM)
        elif method in known.FILE_METHODS or (
            method in known.MAYBE_FILE_METHODS and self._into_file(node)
        ):
            self._add("file", node, f"{known_as} reads or writes a file", WARNING)
        template = node.func.value if isinstance(node.func, ast.Attribute) else first
        if method == "format" and not isinstance(template, ast.Constant):
            self._add("string-code", node, "a template that is worked out at run time", NOTE)
        if any(
            k.arg == "allow_pickle"
            and not (isinstance(k.value, ast.Constant) and not k.value.value)
            for k in node.keywords
        ):
            self._add("pickle", node, "allow_pickle lets what is read run code", ALARM)

    @staticmethod
    def _into_file(node: ast.Call) -> bool:
        given = [*node.args[:1], *(k.value for k in node.keywords if k.arg in _TARGETS)]
        return any(not (isinstance(each, ast.Constant) and each.value is None) for each in given)

    def _attribute(self, node: ast.Attribute) -> None:
        self._spelled(node.attr, node)
        if _DUNDER.match(node.attr) and node.attr not in known.PLAIN_DUNDERS:
            self._add("dunder", node, f"{node.attr} reaches into the interpreter", ALARM)
        full = self._names.full(node)
        if full is not None:
            self._full(node, full)
            if isinstance(node.ctx, ast.Store | ast.Del):
                root = node.value
                while isinstance(root, ast.Attribute):
                    root = root.value
                if isinstance(root, ast.Name) and self._names.is_module(root.id):
                    self._add("monkeypatch", node, f"changes {full} for everything after", ALARM)

    def _name(self, node: ast.Name) -> None:
        self._spelled(node.id, node)
        if isinstance(node.ctx, ast.Store) and node.id in _SHADOWED:
            self._add("shadow", node, f"{node.id} no longer means what it does elsewhere", WARNING)
        full = self._names.full(node)
        if full is not None and full.startswith("builtins."):
            self._builtin(node, full.removeprefix("builtins.").partition(".")[0])
        elif full is not None:
            self._full(node, full)
        if node.id in known.BUILTINS:
            self._builtin(node, node.id)

    def _builtin(self, node: ast.AST, name: str) -> None:
        if name in known.BUILTINS and not isinstance(getattr(node, "ctx", None), ast.Store):
            rule, level, what = known.BUILTINS[name]
            self._add(rule, node, f"{name} {what}", level)

    def _full(self, node: ast.AST, full: str) -> None:
        """A name that was followed to where it comes from."""
        for name, (rule, level, what) in known.FUNCTIONS.items():
            if full == name or full.startswith(f"{name}."):
                self._add(rule, node, f"{name} {what}", level)
                return
        root, _, rest = full.partition(".")
        # pandas.io.common.os and the like: a module through another one's back door.
        for part in rest.split(".") if rest and root not in self._own else ():
            for modules, rule, _, what in known.MODULES:
                if part in modules and (rule != "dynamic" or part in ("builtins", "importlib")):
                    if root in sys.stdlib_module_names and root == part:
                        continue
                    if part in _INNOCENT:
                        continue
                    self._add("back-door", node, f"{full} {what}", ALARM)
                    return

    def _constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, str):
            return
        if _DUNDER.match(node.value) and node.value not in known.PLAIN_DUNDERS:
            self._add("dunder", node, f"the text {node.value!r} names an inner attribute", WARNING)
        elif _FORMAT.search(node.value) and "__" in node.value:
            self._add("dunder", node, "a template that reaches into objects", ALARM)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._spelled(node.name, node)
        if _DUNDER.match(node.name) and node.name not in known.PLAIN_DUNDERS:
            self._add("dunder", node, f"{node.name} is called where nothing shows it", WARNING)
        if isinstance(node, ast.ClassDef):
            self._methods |= {id(each) for each in node.body}
        if node.name in _SHADOWED and id(node) not in self._methods:
            self._add(
                "shadow", node, f"{node.name} no longer means what it does elsewhere", WARNING
            )
        if isinstance(node, ast.ClassDef) and any(k.arg == "metaclass" for k in node.keywords):
            self._add("dynamic", node, "a metaclass changes what a class does", WARNING)
        if isinstance(node, ast.AsyncFunctionDef):
            self._add("process", node, "a coroutine", NOTE)

    def _spelled(self, name: str, at: ast.AST) -> None:
        if not name.isascii():
            place = getattr(at, "lineno", 1), getattr(at, "col_offset", 0) + 1
            lookalike(self._path, name, place, self._found)


_TARGETS = ("path_or_buf", "path", "buf", "path_or_buffer", "fname", "file")
_INNOCENT = {"io", "code", "types", "site", "trace", "tables", "select", "resource", "signal"}
"""Words that are attributes of data frames and arrays, too."""
_SHADOWED = {
    *("len", "sum", "min", "max", "print", "open", "getattr", "isinstance", "type", "str", "int"),
    *("float", "list", "dict", "set", "tuple", "range", "sorted", "abs", "round", "any", "all"),
    *("carrel_job",),
}
