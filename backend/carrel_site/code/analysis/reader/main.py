"""Reads a program from stdin, as JSON, and writes its findings to stdout, as JSON.

Limits are set before anything is read: the source is somebody's, and a parser can be made to run
out of stack, memory or time. Whoever started this process deals with its death.
"""

import ast
import json
import os
import resource
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any

from .findings import ALARM, Findings
from .flow import Flow
from .names import Names
from .text import read_text
from .uses import Uses

_DEEPEST = 6000
_STACK_BYTES = 128 * 2**20


def limit(cpu_seconds: int, memory_bytes: int, output_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output_bytes, output_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)  # the site's other work goes first


def analyse(program: dict[str, Any]) -> list[tuple[Any, ...]]:
    files: dict[str, str] = program["files"]
    found = Findings(files)
    trees: dict[str, ast.Module] = {}
    for path, text in files.items():
        read_text(path, text, program["hidden"], found)
        tree = _parsed(path, text, found)
        if tree is not None:
            trees[path] = tree
    names = {path: Names(tree) for path, tree in trees.items()}
    own = {path.removesuffix(".py").partition("/")[0] for path in files}
    for path in files:
        root = path.removesuffix(".py").partition("/")[0]
        if root in sys.stdlib_module_names or root in program["imports"]:
            found.add(
                "shadow-module",
                path,
                (1, 1),
                f"this file is imported in place of the module {root}, by other packages too",
                ALARM,
            )
    for path, tree in trees.items():
        try:
            Uses(path, names[path], own, set(program["imports"]), found).read(tree)
        except RecursionError:
            _gave_up(path, found)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_DEEPEST)
    try:
        Flow(trees, names, set(program["data_names"]), program["entry"], found).run()
    except RecursionError:
        for path in trees:
            _gave_up(path, found)
    finally:
        sys.setrecursionlimit(before)
    return [tuple(finding) for finding in found.listed()]


def _parsed(path: str, text: str, found: Findings) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        place = max(1, error.lineno or 1), max(1, error.offset or 1)
        found.add("syntax", path, place, f"this is no Python: {error.msg}", ALARM)
    except (ValueError, RecursionError, MemoryError) as error:
        said = str(error) or type(error).__name__
        found.add("syntax", path, (1, 1), f"this cannot be read as Python: {said}", ALARM)
    return None


def _gave_up(path: str, found: Findings) -> None:
    found.add(
        "unread",
        path,
        (1, 1),
        "expressions are nested too deeply for its values to be followed",
        ALARM,
    )


def main(arguments: Sequence[str]) -> None:
    """arguments: the limits of `limit`, then either nothing, or a program to become, and its own:
    it inherits them."""
    limit(*(int(each) for each in arguments[:3]))
    if then := arguments[3:]:
        os.execv(then[0], list(then))  # noqa: S606 (a program of the site's own choosing)
    program = json.load(sys.stdin)
    answer: list[list[tuple[Any, ...]]] = []
    threading.stack_size(_STACK_BYTES)
    thread = threading.Thread(target=lambda: answer.append(analyse(program)))
    thread.start()
    thread.join()
    sys.stdout.write(json.dumps(answer[0]))
