"""A decoder that a file took over: what it can reach, and what its answer can do."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from carrel_worker.executors.code import frames, reader
from carrel_worker.executors.code.errors import BadResult
from carrel_worker.executors.code.reader import SandboxReader
from carrel_worker.executors.code.results import parse
from carrel_worker.sandbox import EnvironmentDir, Sandbox, SandboxError, Tier
from tests.worker.code.test_results import LIMIT, PICTURE, one, png
from tests.worker.packages import here

ATTEMPTS = """
import encodings.idna, mmap, os, socket, subprocess, sys

SECRET, PORT, SOCKET = {secret!r}, {port!r}, {socket!r}


def _attempts():
    yield "storage", lambda: open(SECRET).read()
    yield "storage by stat", lambda: os.stat(SECRET)
    yield "tcp", lambda: socket.create_connection(("127.0.0.1", PORT), 2)
    yield "unix", lambda: socket.socket(socket.AF_UNIX).connect(SOCKET)
    yield "shadow", lambda: open("/etc/shadow").read()
    yield "write outside", lambda: open(SECRET + ".new", "w")
    yield "exec", lambda: subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    yield "fork", lambda: os.fork() or os._exit(0)
    yield "open", lambda: open("/etc/ld.so.cache", "rb").read(4)
    yield "open again", lambda: os.open("/job", os.O_RDONLY)
    yield "list", lambda: os.listdir("/usr")
    yield "scratch", lambda: open("/tmp/new", "w")
    yield "pair", lambda: socket.socketpair()
    yield "signal", lambda: os.kill(1, 0)
    yield "code", lambda: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, mmap.PROT_EXEC | mmap.PROT_READ)
    yield "shared", lambda: mmap.mmap(-1, 4096)
    yield "directory", lambda: os.chdir("/usr")
    yield "link", lambda: os.symlink("/usr", "/tmp/usr")
    yield "memfd", lambda: os.memfd_create("x")
    yield "pipe", lambda: os.pipe()
    yield "copy", lambda: os.dup(1)
    yield "filter", lambda: _again()


def _again():
    program = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(program, 8)
    held = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 1, ctypes.addressof(buffer)), 16)
    if ctypes.CDLL(None).prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER), held, 0, 0) != 0:
        raise OSError("refused")


def _won():
    found = []
    for name, attempt in list(_attempts()):
        try:
            attempt()
        except (OSError, subprocess.SubprocessError, ValueError):
            continue
        found.append(name)
    return found
"""
CLOSED = """
def picture(content, closing):
    _closed(content, closing)
    raise NotReadable("won: " + ", ".join(_won()))
"""
OPEN = """
def picture(content, closing):
    raise NotReadable("won: " + ", ".join(_won()))
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A storage that anybody may read, and listeners that anybody may call."""
    base = tmp_path_factory.mktemp("storage")
    for place in (base, *base.parents):
        if place.owner() == base.owner() and place.name.startswith(("pytest-", "storage")):
            place.chmod(0o755)
    (base / "version").write_text("private rows")
    (base / "version").chmod(0o644)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(f"{base}/socket")
        unix.listen()
        (base / "socket").chmod(0o777)
        yield {
            "secret": str(base / "version"),
            "port": tcp.getsockname()[1],
            "socket": f"{base}/socket",
        }


@pytest.fixture(scope="module", params=["anew", "warm", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        if request.param == "landlock":
            made = Sandbox(minimum=Tier.LANDLOCK, tier=Tier.LANDLOCK)
        else:
            made = Sandbox(warm=1 if request.param == "warm" else 0)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        try:
            made.warm_up(here())
            SandboxReader(made, here).pixels(PICTURE, 3, 4)
        except SandboxError as error:
            pytest.skip(f"the sandbox's user cannot run this interpreter: {error}")
        yield made


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_picture_is_read_once_it_is_closed_up(sandbox: Sandbox, mode: str) -> None:
    colour = {"1": 1, "L": 255, "LA": (255, 255), "P": 0, "I;16": 65535}.get(mode, "white")
    image = Image.new(mode, (5, 4), colour)
    if mode == "P":
        image.putpalette([255, 255, 255] * 256)
    found = SandboxReader(sandbox, here).pixels(png(image), 4, 5)
    assert found.tolist() == [[[255] * 3] * 5] * 4


def test_a_table_is_read_once_it_is_closed_up(sandbox: Sandbox) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {
            "n": [1, None, 3],
            "x": [0.5, float("nan"), None],
            "t": ["a", None, "b"],
            "b": [True, None, False],
            "d": pa.array([1, 2, None], pa.date32()),
            "s": pa.array([1, None, 3], pa.timestamp("us")),
        }
    )
    stream = pa.BufferOutputStream()
    with pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    columns, parts = SandboxReader(sandbox, here).columns(stream.getvalue().to_pybytes())
    content, shape = frames.write(columns, parts)
    read = pa.ipc.open_file(pa.py_buffer(content)).read_all()
    assert shape == (3, 6)
    assert str(read.to_pylist()) == str(table.to_pylist())


def _taken_over(
    sandbox: Sandbox, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    source = tmp_path / "decode.py"
    source.write_text(reader._SOURCE.read_text() + text)
    monkeypatch.setattr(reader, "_SOURCE", source)
    with pytest.raises(BadResult) as refusal:
        SandboxReader(sandbox, here).pixels(PICTURE, 3, 4)
    return str(refusal.value)


def test_a_decoder_that_was_taken_over_opens_starts_and_connects_nothing(
    sandbox: Sandbox, outside: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ATTEMPTS.format(**outside) + CLOSED
    assert _taken_over(sandbox, text, tmp_path, monkeypatch) == "won: "


def test_before_it_closes_up_it_is_where_code_runs(
    sandbox: Sandbox, outside: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ATTEMPTS.format(**outside) + OPEN
    won = _taken_over(sandbox, text, tmp_path, monkeypatch).removeprefix("won: ").split(", ")
    assert {"open", "exec", "filter"} <= set(won)  # such as succeed where they may
    assert not {"storage", "tcp", "unix", "shadow", "write outside", "memfd"} & set(won)


def test_the_attempts_succeed_where_nothing_holds_them(outside: dict[str, Any]) -> None:
    world: dict[str, Any] = {}
    exec(ATTEMPTS.format(**outside), world)
    harmless = {"storage", "storage by stat", "tcp", "unix", "exec", "open", "list", "pair",
                "code", "shared", "memfd", "pipe", "copy"}  # fmt: skip
    for name, attempt in world["_attempts"]():
        if name in harmless:
            attempt()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def picture(content, closing):\n    import os; os._exit(0)", "exited"),
        ("def picture(content, closing):\n    ctypes.string_at(0)", "could not"),
        ("def picture(content, closing):\n    bytearray(2**33)", "memory"),
        ("def picture(content, closing): return 'x' * 10**7", "could not be read"),
        ("def picture(content, closing):\n    import numpy; return numpy.zeros((4, 3, 3), 'u1')",
         "not drawn anew"),
        ("def picture(content, closing):\n    import numpy; return numpy.zeros((3, 4, 3))",
         "not drawn anew"),
        ("def picture(content, closing): return {'a': 1}", "value"),
        ("def picture(content, closing): return None", "not drawn anew"),
        ("import os\nos.pwrite(3, b'CARREL1' * 9, 0)\ndef picture(content, closing): return 1", ""),
        ("def picture(content, closing): raise NotReadable('\\x1b[31m' + 'x' * 9999)", "[31mx"),
    ],
)  # fmt: skip
def test_whatever_a_decoder_answers_is_a_strangers(
    sandbox: Sandbox, text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _taken_over(sandbox, "\n" + text, tmp_path, monkeypatch)
    assert words in said
    assert len(said) <= 600
    assert "\x1b" not in said


def test_what_cannot_close_up_reads_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "compile_closing", lambda: b"\0" * 8)
    with pytest.raises(SandboxError, match="closed up"):
        SandboxReader(sandbox, here).pixels(PICTURE, 3, 4)


def test_without_a_sandbox_nothing_is_decoded() -> None:
    broken = EnvironmentDir("broken", Path("/bin/false"), here().packages)
    try:
        sandbox = Sandbox()
    except SandboxError as error:
        pytest.skip(str(error))
    with sandbox, pytest.raises(SandboxError):
        parse(
            one(PICTURE, "figure"),
            output_bytes=LIMIT,
            reader=SandboxReader(sandbox, lambda: broken),
        )
    with pytest.raises(BadResult, match="nothing is there"):
        parse(one(PICTURE, "figure"), output_bytes=LIMIT)


# What is taken apart of a large table, as a decoder that was taken over may send it


def _parts(**changed: Any) -> dict[str, Any]:
    return {
        "rows": np.array([2]),
        "p0": np.array([True, False]),
        "v0": np.array([7, 1234]),
        "p1": np.array([True, True]),
        "o1": np.array([0, 1, 3]),
        "v1": np.frombuffer(b"abc", np.uint8),
        **changed,
    }


COLUMNS = [["n", "int64"], ["t", "string"]]


def test_parts_become_a_file_in_which_nothing_lies_under_a_null() -> None:
    pa = pytest.importorskip("pyarrow")
    content, shape = frames.write(COLUMNS, _parts())
    assert shape == (2, 2)
    table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
    assert table.to_pydict() == {"n": [7, None], "t": ["a", "bc"]}
    assert (1234).to_bytes(8, "little") not in content


@pytest.mark.parametrize(
    ("columns", "changed", "words"),
    [
        (None, {}, "columns"),
        ([["n", "int64"]] * 1001, {}, "more than 1000"),
        ([["n"], ["t", "string"]], {}, "other parts"),
        ([["n", "int64"], ["n", "string"]], {}, "twice"),
        ([["n\u202e", "int64"], ["t", "string"]], {}, "cannot be shown"),
        ([["n" * 201, "int64"], ["t", "string"]], {}, "cannot be shown"),
        ([[1, "int64"], ["t", "string"]], {}, "cannot be shown"),
        ([["n", 1], ["t", "string"]], {}, "no text"),
        ([["n", "list<item: int64>"], ["t", "string"]], {}, "only"),
        ([["n", "timestamp[ns, tz=x y]"], ["t", "string"]], {}, "only"),
        ([["n", "dictionary"], ["t", "string"]], {}, "only"),
        ([["n", "int32"], ["t", "string"]], {}, "another type"),
        ([["n", "null"], ["t", "string"]], {}, "other parts"),
        (COLUMNS, {"rows": np.array([3])}, "not as many"),
        (COLUMNS, {"rows": np.array([2**62])}, "not as many"),
        (COLUMNS, {"rows": np.array([-1])}, "number of rows"),
        (COLUMNS, {"rows": np.array([2.0])}, "number of rows"),
        (COLUMNS, {"v0": np.array([1.0, 2.0])}, "another type"),
        (COLUMNS, {"v0": np.array([[1], [2]])}, "another type"),
        (COLUMNS, {"p0": np.array([1, 0])}, "another type"),
        (COLUMNS, {"more": np.array([1])}, "other parts"),
        (COLUMNS, {"o1": np.array([0, 3, 1])}, "places"),
        (COLUMNS, {"o1": np.array([0, 9, 3])}, "places"),
        (COLUMNS, {"o1": np.array([1, 1, 3])}, "places"),
        (COLUMNS, {"o1": np.array([0, 1, 2**40])}, "places"),
        (COLUMNS, {"o1": np.array([0, -1, 3])}, "places"),
        (COLUMNS, {"o1": np.array([0, 1])}, "not as many"),
        (COLUMNS, {"v1": np.frombuffer(b"a\xff\xfe", np.uint8)}, "UTF-8"),
        (COLUMNS, {"v1": np.array([1, 2, 3])}, "its bytes"),
        ([["n", "date64[ms]"], ["t", "string"]], {}, "date64"),
    ],
)
def test_parts_that_do_not_fit(columns: Any, changed: dict[str, Any], words: str) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(BadResult) as refusal:
        frames.write(columns, _parts(**changed))
    assert words in str(refusal.value)
