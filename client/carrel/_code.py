"""Python code to run at a site, once people have read it.

@carrel.function(data=ds, packages=["pandas"])
def work(df, age_from=65):
    return df[df.age >= age_from].groupby("female")["drugexp"].mean()

work.mock()                          # at once, on made-up rows
request = work.submit("what for")    # people read it, then it runs on the private ones
"""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from carrel._code_collect import Allowed, collect, function_source
from carrel._code_environment import allowed_by, environment_of
from carrel._code_mock import finished, show
from carrel._code_names import imports_within
from carrel._code_request import CodeRequest
from carrel._code_source import Source, check_readable, read_source
from carrel._code_values import returned
from carrel._dataset import Dataset
from carrel._errors import InvalidInput
from carrel._made import made
from carrel._request import RequestData
from carrel._site import Site
from carrel_protocol.api import code as wire
from carrel_protocol.code import (
    Entry,
    FunctionEntry,
    Reach,
    RunLimits,
    ScriptEntry,
    SourceFile,
    check_reach,
)

Data = Dataset | str | Mapping[str, Dataset | str]
_OURS = ("rows", "timeout", "progress", "purpose", "reach")
"""What mock() and submit() take themselves."""


class Program:
    """What a decorated function and a script have in common."""

    _carrel_program = True

    def __init__(
        self,
        site: Site,
        data: Mapping[str, Dataset | str],
        environment: str,
        packages: Iterable[str],
        limits: RunLimits | Mapping[str, Any] | None,
    ) -> None:
        self._site = site
        self._data = {
            alias: one.id if isinstance(one, Dataset) else one for alias, one in data.items()
        }
        self._environment = environment
        self._packages = [packages] if isinstance(packages, str) else list(packages)
        self._limits = limits
        self._tried: tuple[str, dict[str, Any]] | None = None
        """The last run on made-up rows, and what it was of."""

    def mock(
        self,
        rows: int = 1000,
        *,
        timeout: float | None = None,
        progress: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """Run it at once on `rows` made-up rows of each dataset, where the real run would be, and
        give what it returns. What it prints is printed.

        One thing that is returned comes as it is, several as a dict. Costs nothing and asks
        nobody. Raises `CodeNotAllowed`, `MockFailed` with the traceback, or `WaitTimeout`.
        """
        asked = self._fields(parameters)
        body = made(wire.MockRunCreate, **asked, rows=rows)
        http = self._site._http
        run = finished(http, http.write("POST", "mock_runs", body, wire.MockRun), timeout, progress)
        self._tried = (run.id, asked)
        return returned(show(run))

    def submit(self, purpose: str, *, reach: Reach | None = None, **parameters: Any) -> CodeRequest:
        """Ask for it to be run on the private rows, and do not wait: people read it first, and
        then what it returned. `purpose` is what they read first.

        reach: other parameters that the approval is to cover too, see `carrel.reach`. The last
        `mock()` of the same program is shown to them. Raises `CodeNotAllowed`.
        """
        asked = self._fields(parameters)
        if reach is not None:
            try:
                check_reach(reach, asked["parameters"])
            except ValueError as error:
                raise InvalidInput(f"reach: {error}") from None
        body = made(
            wire.CodeRequestCreate,
            **asked,
            purpose=purpose,
            reach=reach,
            mock_run_id=self._mock_of(asked),
        )
        data = self._site._http.write("POST", "code_requests", body, RequestData)
        return CodeRequest(self._site, data)

    @property
    def source(self) -> str:
        """The program as a reviewer would read it."""
        _, files = self._program(allowed_by(environment_of(self._site, self._environment)))
        return "\n\n".join(file.text for file in files)

    def _fields(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        environment = environment_of(self._site, self._environment, self._packages)
        entry, files = self._program(allowed_by(environment))
        return {
            "data": self._data,
            "entry": entry,
            "files": files,
            "parameters": self._parameters(parameters),
            "environment": self._environment,
            "limits": self._limited(environment.limits),
        }

    def _limited(self, most: RunLimits) -> RunLimits | None:
        if self._limits is None or isinstance(self._limits, RunLimits):
            return self._limits
        return made(RunLimits, **{**most.usual().model_dump(), **self._limits})

    def _mock_of(self, asked: Mapping[str, Any]) -> str | None:
        if self._tried is None:
            return None
        run_id, tried = self._tried
        same = all(tried[name] == value for name, value in asked.items() if name != "data")
        return run_id if same else None

    def _program(self, allowed: Allowed) -> tuple[Entry, tuple[SourceFile, ...]]:
        raise NotImplementedError

    def _parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _plain(value) for name, value in given.items()}


class CodeFunction(Program):
    """A function to run at a site. Called here, it is the plain function."""

    def __init__(
        self,
        function: FunctionType,
        site: Site,
        data: Data,
        environment: str,
        packages: Iterable[str],
        limits: RunLimits | Mapping[str, Any] | None,
    ) -> None:
        source, definition = function_source(function)
        tables = _tables(source, definition, data)
        super().__init__(site, tables, environment, packages, limits)
        functools.update_wrapper(self, function)
        self.function = function
        self._optional = _defaults(function)
        self._defaults = {k: v for k, v in self._optional.items() if _is_parameter(v)}
        names = [each.arg for each in (*definition.args.args, *definition.args.kwonlyargs)]
        self._names = [name for name in names if name not in tables]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Here, on what is given: no site is asked."""
        return self.function(*args, **kwargs)

    def _program(self, allowed: Allowed) -> tuple[Entry, tuple[SourceFile, ...]]:
        name = self.function.__name__
        # A file named as a module would be imported in its place, by pandas too.
        path = f"{name}_.py" if allowed.has(name) else f"{name}.py"
        file = made(SourceFile, path=path, text=collect(self.function, allowed))
        return made(FunctionEntry, path=path, name=name), (file,)

    def _parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        name = self.function.__name__
        if unknown := set(given) - set(self._names):
            raise InvalidInput(
                f"{name} has no parameter {min(unknown)!r}.",
                advice=f"It has {', '.join(self._names) or 'none beside its data'}.",
            )
        missing = [each for each in self._names if each not in {**self._optional, **given}]
        if missing:
            raise InvalidInput(f"{name} needs a value for {', '.join(missing)}.")
        # Defaults are sent too, so that leaving one out or writing it asks for the same.
        values = {**self._defaults, **given}
        return super()._parameters({name: values[name] for name in self._names if name in values})

    def __repr__(self) -> str:
        return f"<{self.function.__name__}: to run on {', '.join(self._data.values())}>"


class Script(Program):
    """A script to run at a site: `carrel_job.tables[alias]`, `.parameters` and
    `.save(name, value)` are its world."""

    def __init__(
        self,
        sources: tuple[Source, ...],
        site: Site,
        data: Mapping[str, Dataset | str],
        environment: str,
        packages: Iterable[str],
        limits: RunLimits | Mapping[str, Any] | None,
    ) -> None:
        super().__init__(site, data, environment, packages, limits)
        self._sources = sources

    def _program(self, allowed: Allowed) -> tuple[Entry, tuple[SourceFile, ...]]:
        own = {source.shown.removesuffix(".py").partition("/")[0] for source in self._sources}
        for source in self._sources:
            for at, root, module in imports_within(source.tree):
                if root and root not in own and root != "carrel_job" and not allowed.has(root):
                    allowed.refuse(source, at, module)
        files = tuple(made(SourceFile, path=s.shown, text=s.text) for s in self._sources)
        return made(ScriptEntry, path=self._sources[0].shown), files

    def __repr__(self) -> str:
        return f"<{self._sources[0].shown}: to run on {', '.join(self._data.values())}>"


def function(
    data: Data | None = None,
    *,
    packages: Iterable[str] = (),
    environment: str = "default",
    limits: RunLimits | Mapping[str, Any] | None = None,
    site: Site | None = None,
) -> Callable[[Callable[..., Any]], CodeFunction]:
    """Makes a function one that can be asked to run on private data.

    data: a dataset, for the first parameter; or a dict of them, by the parameters' names. Names
    and ids will do for datasets when `site` is given. packages: what the function needs, to be
    told at once where the environment lacks it. environment: one of the site's. limits: within
    the environment's: {"wall_seconds": 5}; at most 50 s unless told. The end shows at a time that
    follows from it, and until then the run holds its place: ask for what it takes, and some room.

    What is sent is the function's text, and that of the functions, classes and constants it names.
    Raises `CodeNotAllowed`, with the line, for what has no such text.
    """
    if data is None or callable(data):
        raise InvalidInput(
            "carrel.function needs the data that the function is for.",
            advice="@carrel.function(data=site.datasets['…'])",
        )
    at = _site_of(data, site)

    def decorate(decorated: Callable[..., Any]) -> CodeFunction:
        # Whatever is no function is refused by the first thing that looks at it.
        plain: Any = decorated
        return CodeFunction(plain, at, data, environment, packages, limits)

    return decorate


function._carrel_decorator = True  # type: ignore[attr-defined]


def script(
    path: str | os.PathLike[str],
    data: Data,
    *,
    files: Iterable[str | os.PathLike[str]] = (),
    packages: Iterable[str] = (),
    environment: str = "default",
    limits: RunLimits | Mapping[str, Any] | None = None,
    site: Site | None = None,
) -> Script:
    """A whole file as a program. `mock()` and `submit()` are those of a decorated function.

    In it, `import carrel_job` gives `carrel_job.tables["alias"]` (data frames),
    `carrel_job.parameters` and `carrel_job.save("name", value)`. data: a dataset, whose name is its
    alias, or a dict of them by alias. files: further files of its own that it imports, which lie
    beside it or below. Raises `CodeNotAllowed` for a file that is no Python.
    """
    at = _site_of(data, site)
    tables = data if isinstance(data, Mapping) else {_name(data): data}
    beside = Path(path).resolve().parent
    read = []
    for each in (path, *files):
        file = Path(each).resolve()
        if not file.is_relative_to(beside):
            raise InvalidInput(f"{file} does not lie beside {Path(path).name}, or below it.")
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidInput(f"{file} is not UTF-8 text.") from None
        source = read_source(file.relative_to(beside).as_posix(), text)
        check_readable(source)
        read.append(source)
    return Script(tuple(read), at, tables, environment, packages, limits)


def _name(data: Dataset | str) -> str:
    return data.name if isinstance(data, Dataset) else data


def _site_of(data: Data, site: Site | None) -> Site:
    each = data.values() if isinstance(data, Mapping) else [data]
    sites = [one._site for one in each if isinstance(one, Dataset)]
    sites += [] if site is None else [site]
    if not sites:
        raise InvalidInput(
            "A dataset's name alone does not say at which site it is.",
            advice="Pass the dataset, site.datasets['…'], or site=… beside its name.",
        )
    if any(one is not sites[0] for one in sites):
        raise InvalidInput("These datasets are at several sites; code runs at one.")
    return sites[0]


def _tables(source: Source, definition: ast.FunctionDef, data: Data) -> dict[str, Dataset | str]:
    """Datasets by the parameters they are for, in the order of those."""
    arguments = definition.args
    if arguments.posonlyargs:
        source.refuse(arguments.posonlyargs[0], "parameters before a / have no name to be given by")
    named = {each.arg: each for each in arguments.args}
    for each in (*arguments.args, *arguments.kwonlyargs):
        if each.arg in _OURS:
            source.refuse(
                each,
                f"{each.arg} is a word of mock() and submit() themselves",
                "Give the parameter another name.",
            )
    first = list(named)[: len(data) if isinstance(data, Mapping) else 1]
    if isinstance(data, Mapping):
        if set(data) != set(first):
            source.refuse(
                definition,
                f"{definition.name} begins with {', '.join(first) or 'no parameters'}, and the "
                f"data are for {', '.join(data)}",
                "Its first parameters are its data, under the names that data= gives.",
            )
        return {name: data[name] for name in first}
    if not first:
        source.refuse(definition, f"{definition.name} has no parameter for its data")
    return {first[0]: data}


def _defaults(function: FunctionType) -> dict[str, Any]:
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    return {
        **dict(zip(names[len(names) - len(values) :], values, strict=True)),
        **(function.__kwdefaults__ or {}),
    }


def _is_parameter(value: Any) -> bool:
    """Whether a default can be told to a site. Others, a model's class say, stay in the text."""
    if isinstance(value, list | tuple):
        return all(not isinstance(each, list | tuple) and _is_parameter(each) for each in value)
    return value is None or isinstance(value, str | bool | int | float)


def _plain(value: Any) -> Any:
    """NumPy's scalars as Python's, lists as tuples."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    if not isinstance(value, str | int | float | None) and hasattr(value, "item"):
        try:
            return value.item()
        except (TypeError, ValueError):
            return value
    return value
