"""What the names of a file stand for: imported modules, what was taken from them, built-ins."""

import ast
import builtins

_BUILTIN = frozenset(dir(builtins))
_MOST_PARTS = 12


class Names:
    """Full names of one file's expressions, as far as they can be told: 'pandas.read_csv'."""

    def __init__(self, tree: ast.Module) -> None:
        self._meaning: dict[str, str] = {}
        assigned = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self._meaning[name] = alias.name if alias.asname else name
            elif isinstance(node, ast.ImportFrom) and not node.level:
                for alias in node.names:
                    self._meaning[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Assign):
                assigned += [(t.id, node.value) for t in node.targets if isinstance(t, ast.Name)]
        for _ in range(3):  # o = os; p = o; q = p
            for name, value in assigned:
                full = self.full(value)
                if full is not None and name not in self._meaning:
                    self._meaning[name] = full

    def full(self, node: ast.AST) -> str | None:
        """None for what is no chain of attributes, or begins with something of the program's."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
            if len(parts) > _MOST_PARTS:
                return None
        if not isinstance(node, ast.Name):
            return None
        first = self._meaning.get(node.id)
        if first is None:
            if node.id not in _BUILTIN:
                return None
            first = f"builtins.{node.id}"
        return ".".join([first, *reversed(parts)])

    def is_module(self, name: str) -> bool:
        """Whether a name was imported."""
        return name in self._meaning and not self._meaning[name].startswith("builtins.")
