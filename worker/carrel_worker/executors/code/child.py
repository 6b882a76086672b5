"""Decoders that are not ours, in a process of their own: `python -m …executors.code.child KIND`.

Pillow decodes pictures and pyarrow reads Arrow files. A crafted file may find a mistake in
either, or take all memory: the process gets the bytes on standard input, has bounded memory,
time, output and descriptors, no environment, and dies with its parent.
"""

import ctypes
import io
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
from typing import Any

from carrel_worker.executors.code.errors import BadResult

MEMORY_BYTES = 768 * 2**20
SECONDS = 60
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_REFUSED = 3
_MODULE = "carrel_worker.executors.code.child"
_ARROW_TEXTS = ("string", "large_string", "bool", "date32[day]", "date64[ms]", "null")


def run_child(kind: str, content: bytes, *, most_bytes: int) -> bytes:
    """What the child made of `content`. Raises `BadResult`."""
    with tempfile.TemporaryFile() as made:
        try:
            ended = subprocess.run(  # noqa: S603 (our own interpreter and module)
                [sys.executable, "-P", "-m", _MODULE, kind, str(most_bytes), str(os.getpid())],
                input=content,
                stdout=made,
                stderr=subprocess.PIPE,
                env={"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
                cwd="/",
                start_new_session=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BadResult(f"the {kind} took longer than {SECONDS} s to read") from None
        if ended.returncode == _REFUSED:
            raise BadResult(ended.stderr.decode(errors="replace")[-500:].strip())
        if ended.returncode != 0:
            raise BadResult(f"the {kind} could not be read (status {ended.returncode})")
        made.seek(0)
        return made.read(most_bytes + 1)


def main() -> None:
    kind, most_bytes, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    content = sys.stdin.buffer.read()
    try:
        made = _picture(content) if kind == "picture" else _frame(content)
    except BadResult as error:
        sys.stderr.write(str(error))
        sys.exit(_REFUSED)
    except MemoryError:
        sys.stderr.write(f"the {kind} needs more memory than it may have")
        sys.exit(_REFUSED)
    sys.stdout.buffer.write(made)


def _picture(content: bytes) -> bytes:
    """The pixels of a PNG, on white, as a PNG of red, green and blue. Imported here: see above."""
    from PIL import Image  # noqa: PLC0415

    Image.MAX_IMAGE_PIXELS = None  # its size was bounded before
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            image.load()
            seen = _eight_bits(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise BadResult(f"no picture: {error}") from None
    white = Image.new("RGBA", seen.size, "white")
    flat = Image.alpha_composite(white, seen.convert("RGBA")).convert("RGB")
    # From its bytes alone: an image object carries the file's metadata along.
    bare = Image.frombytes("RGB", flat.size, flat.tobytes())
    stream = io.BytesIO()
    bare.save(stream, format="PNG")
    return stream.getvalue()


def _eight_bits(image: Any) -> Any:
    """Sixteen bits a sample of grey become eight: Pillow's own conversion would clip them."""
    if image.mode in ("I;16", "I;16B", "I"):
        return image.point(lambda grey: grey / 256).convert("L")
    return image


def _frame(content: bytes) -> bytes:
    """Rows and columns (8 bytes each), then an Arrow file of values that were validated, written
    anew without metadata."""
    import pyarrow as pa  # noqa: PLC0415

    try:
        with pa.ipc.open_file(pa.BufferReader(content)) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadResult(f"no Arrow file: {error}") from None
    if len(set(table.column_names)) != len(table.column_names):
        raise BadResult("an Arrow file with a column twice")
    arrays = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if len(name) > 200 or not name.isprintable():
            raise BadResult("an Arrow column with a name that cannot be shown")
        if not (_is_number(pa, kind) or pa.types.is_timestamp(kind) or str(kind) in _ARROW_TEXTS):
            raise BadResult(f"an Arrow column of {kind}: numbers, texts, booleans and dates only")
        # Written anew value by value: what lies under a null, or in a NaN's bits, is not.
        stored = pa.int64() if pa.types.is_timestamp(kind) else kind
        values = [v if v == v else math.nan for v in column.cast(stored).to_pylist()]  # noqa: PLR0124
        arrays.append(pa.array(values, stored).cast(kind))
    schema = pa.schema(
        [pa.field(n, a.type) for n, a in zip(table.column_names, arrays, strict=True)]
    )
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, schema) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    shape = len(arrays[0]) if arrays else 0, len(arrays)
    return b"".join(size.to_bytes(8, "little") for size in shape) + stream.getvalue()


def _is_number(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


if __name__ == "__main__":
    main()
