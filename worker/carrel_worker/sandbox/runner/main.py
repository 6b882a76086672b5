"""Run one program inside the sandbox and leave what it returned in the result channel.

The code shares this process and may change anything in it. So nothing said here is believed
outside: the supervisor counts time, memory and processes itself.
"""

import contextlib
import gc
import importlib.util
import io
import json
import os
import signal
import sys
import traceback
import types
from typing import Any, NoReturn

from . import convert, rlimits
from .job import Saved, carrel_job

_TRACEBACK = 60_000
_LINE = 1000


def main(descriptor: int) -> NoReturn:
    """Carry out the job that can be read from `descriptor`; never returns."""
    run(read_job(descriptor))


def read_job(descriptor: int) -> dict[str, Any]:
    with open(descriptor, "rb") as file:
        file.seek(0)
        job: dict[str, Any] = json.load(file)
    return job


def run(job: dict[str, Any]) -> NoReturn:
    """Carry out a job that was read; never returns."""
    job["pid"] = os.getpid()
    try:
        usual_signals()
        _check_mounts(job)
        rlimits.apply(job["limits"], job["mapped_bytes"], gpu=job["gpu"])
        # Said before the code begins, on a pipe where nothing can be unsaid: from here on every
        # end is the code's own.
        _say(job, b"started")
        report = _outcome(job)
        _write(job["report"], report)
    except _Moved:
        _say(job, b"moved")
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        # Not sys.exit: threads that the code left behind would be waited for.
        os._exit(0)


class _Moved(Exception):
    """What is mounted is not what was opened."""


def usual_signals() -> None:
    """As a program finds them that is started by hand: what blocks or ignores signals outside, such
    as a worker's main loop, passes that on to all that it starts."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)  # Python's own way: they become errors


def _say(job: dict[str, Any], word: bytes) -> None:
    os.write(job["started"], word)
    os.close(job["started"])


def _check_mounts(job: dict[str, Any]) -> None:
    for name, device, inode in job["mounts"]:
        found = os.stat(os.path.join(job["data"], name))
        if (found.st_dev, found.st_ino) != (device, inode):
            raise _Moved


def _outcome(job: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911 (one an ending)
    saved = Saved()
    try:
        value = _execute(job, saved)
    except SystemExit as error:
        if error.code not in (None, 0) or job["entry"]["kind"] == "function":
            return _report("exited", f"SystemExit: {error.code}"[:_LINE], "")
        value = None
    except MemoryError:
        return _report("memory", "MemoryError", _trace(job))
    except BaseException as error:  # noqa: BLE001 (whatever the code raises is its end)
        return _report("raised", _one_line(error), _trace(job))
    if os.getpid() != job["pid"]:
        os._exit(0)  # a child of the code's that came back here: its parent has the say
    try:
        blobs = convert.payload([*convert.to_items(value), *saved.items()])
    except MemoryError:
        return _report("memory", "MemoryError", "")
    except convert.NotReturnable as error:
        return _report("output_form", _one_line(error), "")
    except BaseException as error:  # noqa: BLE001 (a value may do anything when it is looked at)
        return _report("output_form", _one_line(error), _trace(job))
    total = sum(map(len, blobs))
    if sum(map(len, blobs[3:])) > job["limits"]["output_bytes"] or total > job["result_bytes"]:
        limit = job["limits"]["output_bytes"]
        return _report("output_size", f"the results hold more than {limit} bytes", "")
    at = 0
    for blob in blobs:
        view = memoryview(blob)
        while view:
            done = os.pwrite(job["result"], view, at)
            view, at = view[done:], at + done
    return {**_report("returned", "", ""), "length": total}


def _report(ending: str, message: str, trace: str) -> dict[str, Any]:
    return {"ending": ending, "message": message, "traceback": trace, "length": 0}


def _write(descriptor: int, report: dict[str, Any]) -> None:
    text = json.dumps(report).encode()
    os.pwrite(descriptor, len(text).to_bytes(8, "little") + text, 0)


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 (the code's own __str__)
        text = "(its text cannot be had)"
    return f"{type(error).__name__}: {text}".splitlines()[0][:_LINE]


def _trace(job: dict[str, Any]) -> str:
    """The traceback of the exception in flight, from the code's first frame on."""
    kind, error, frames = sys.exc_info()
    code = job["code"]
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith(code):
        frames = frames.tb_next
    try:
        lines = traceback.format_exception(kind, error, frames, limit=60)
        text = "".join(lines).replace(code + "/", "")
    except BaseException:  # noqa: BLE001 (the code's own __str__, or no memory left)
        return ""
    return text if len(text) <= _TRACEBACK else text[: _TRACEBACK // 2] + "\n…\n" + text[-20_000:]


def _execute(job: dict[str, Any], saved: Saved) -> Any:
    code = job["code"]
    for path, text in job["files"].items():
        place = os.path.join(code, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    os.chdir(job["scratch"])
    # The environment's packages come last: nothing in them stands in for the standard library.
    sys.path[:] = [code, *sys.path, *(path for path in job["packages"] if path not in sys.path)]
    world = carrel_job(job, saved)
    sys.modules["carrel_job"] = world
    entry = job["entry"]
    place = os.path.join(code, entry["path"])
    gc.collect()
    if entry["kind"] == "script":
        _as_main(place)
        return None
    module = _load(place, entry["path"])
    function = getattr(module, entry["name"], None)
    if not callable(function):
        raise TypeError(f"{entry['path']} has no function '{entry['name']}'")
    tables = {alias: world.tables[alias] for alias in job["tables"]}
    return function(**tables, **job["parameters"])


def _as_main(place: str) -> None:
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=place, __builtins__=__builtins__)
    sys.modules["__main__"] = module
    sys.argv = [place]
    with io.open_code(place) as file:
        compiled = compile(file.read(), place, "exec")
    exec(compiled, module.__dict__)  # noqa: S102 (this is what the sandbox is for)


def _load(place: str, path: str) -> types.ModuleType:
    """The file as a module of its name, even where the standard library has that name too."""
    name = path.removesuffix(".py").replace("/", ".")
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if name not in sys.modules:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
