"""Reads a program in processes of their own: the source is untrusted, and parsers may die of it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any, Literal

import structlog

from carrel_protocol.api.code import CodeFinding
from carrel_protocol.code import SourceFile
from carrel_protocol.invisible import described, is_hidden

WALL_SECONDS = 15.0
"""Of each of the two readings."""
CPU_SECONDS = 6
MEMORY_BYTES = 768 * 2**20
OUTPUT_BYTES = 4 * 2**20
MOST_OF_RUFF = 400

_HERE = Path(__file__).parent
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from reader.main import main; main(sys.argv[1:])"
)
_RUFF_LINE = re.compile(
    r"^(?P<path>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<rule>S\d+) (?P<said>.*)$"
)
_RUFF_ALARMS = re.compile(r"S102|S30[1-9]|S31[0-9]|S32[13]|S4\d\d|S50[1-9]|S60\d|S61\d|S70\d")
_RUFF_NOTES = re.compile(r"S10[567]|S11[023]|S311")

_log = structlog.get_logger(__name__)


def analyse(
    files: Sequence[SourceFile],
    imports: Set[str],
    data_names: Set[str],
    *,
    entry: str | None = None,
) -> tuple[CodeFinding, ...]:
    """Findings of the site's own reading, and of ruff's `S` rules, in the order of the lines.

    imports: modules that the program's environment has, beside the standard library. data_names:
    the parameters that data are given to. entry: the function that is called with them; None for
    a script, or where it is not known. Never raises for what a program holds, takes at most twice
    `WALL_SECONDS`, and says in a finding where it had to give up.
    """
    program = {
        "files": {file.path: file.text for file in files},
        # By the protocol's one table, which the reading process has no way to.
        "hidden": {
            each: described(each)
            for each in sorted(set().union(*(file.text for file in files)))
            if is_hidden(each)
        },
        "imports": sorted(imports),
        "data_names": sorted(data_names),
        "entry": entry,
    }
    with tempfile.TemporaryDirectory(prefix="carrel-analysis-") as directory:
        found = [*_own(program, Path(directory)), *_ruff(files, Path(directory))]
    order = {file.path: place for place, file in enumerate(files)}
    return tuple(
        sorted(found, key=lambda one: (order[one.path], one.line, one.column, one.source, one.rule))
    )


def _own(program: dict[str, Any], directory: Path) -> list[CodeFinding]:
    first = next(iter(program["files"]))
    said = _run([], json.dumps(program).encode(), directory, "own")
    try:
        return [
            CodeFinding(
                source="carrel",
                rule=rule,
                path=path,
                line=line,
                column=column,
                message=message,
                level=level,
            )
            for rule, path, line, column, message, level in json.loads(said or b"")
        ]
    except ValueError:
        return [_gave_up("carrel", first)]


def _ruff(files: Sequence[SourceFile], directory: Path) -> list[CodeFinding]:
    ruff = _ruff_program()
    first = files[0].path
    if ruff is None:
        return [_gave_up("ruff", first)]
    root = directory / "program"
    for file in files:
        place = root / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        # Half characters, which UTF-8 cannot hold, are flagged by the other reading.
        place.write_bytes(file.text.encode(errors="replace"))
    command = [
        *(ruff, "check", "--isolated", "--no-cache", "--ignore-noqa", "--no-respect-gitignore"),
        *("--select", "S", "--ignore", "S101", "--output-format", "concise", "--quiet"),
        *("--exit-zero", "--target-version", "py311"),
        *(f"./{file.path}" for file in files),
    ]
    said = _run(command, b"", directory, "ruff", cwd=root)
    if said is None:
        return [_gave_up("ruff", first)]
    found = []
    known = {file.path for file in files}
    for line in said.decode(errors="replace").splitlines():
        match = _RUFF_LINE.match(line)
        path = match["path"].removeprefix("./") if match else ""
        if match is None or path not in known:
            continue
        rule = match["rule"]
        level: Literal["note", "warning", "alarm"] = "warning"
        if _RUFF_ALARMS.match(rule):
            level = "alarm"
        elif _RUFF_NOTES.match(rule):
            level = "note"
        found.append(
            CodeFinding(
                source="ruff",
                rule=rule,
                path=path,
                line=int(match["line"]),
                column=int(match["column"]),
                message=match["said"][:500],
                level=level,
            )
        )
    return found[:MOST_OF_RUFF]


def _gave_up(source: Literal["carrel", "ruff"], path: str) -> CodeFinding:
    return CodeFinding(
        source=source,
        rule="unread",
        path=path,
        line=1,
        column=1,
        message="the program could not be read to its end: it takes too much time, memory or stack",
        level="alarm",
    )


def _ruff_program() -> str | None:
    """ruff's own program, beside this interpreter or on the path."""
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if (folder / "ruff").is_file():
            return str(folder / "ruff")
    return shutil.which("ruff")


def _run(
    command: Sequence[str], given: bytes, directory: Path, name: str, cwd: Path | None = None
) -> bytes | None:
    """What a limited process says; None if it dies, or takes too long.

    command: what it becomes once its limits are set; nothing for the site's own reading.
    """
    out = directory / f"{name}.out"
    limits = (str(CPU_SECONDS), str(MEMORY_BYTES), str(OUTPUT_BYTES))
    start = [sys.executable, "-I", "-S", "-B", "-c", _START, str(_HERE), *limits, *command]
    environment = {"PATH": "/usr/bin:/bin", "RAYON_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    with out.open("wb") as stdout:
        process = subprocess.Popen(  # noqa: S603 (the site's own programs)
            start,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            cwd=cwd or directory,
            env=environment,
            start_new_session=True,
        )
        try:
            process.communicate(given, timeout=WALL_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("analysis_timed_out", reading=name)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return out.read_bytes() if process.returncode == 0 else None
