"""What code may return: data in a few plain formats, never anything that runs when it is read.

| kind | media type | bytes |
|---|---|---|
| value | application/json | one JSON value: numbers, text, booleans, null, arrays, objects |
| table | application/json | `TableData`, up to 100,000 cells |
| frame | application/vnd.apache.arrow.file | a larger table, as an Arrow file |
| array | application/x-npy | a NumPy array of numbers or booleans, version 1.0, no pickle |
| tensors | application/x-safetensors | named tensors |
| figure | image/png | pixels alone, drawn anew by the site's worker: no metadata |
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from carrel_protocol.base import READABLE, Received

MAX_ITEMS = 50
MAX_TABLE_CELLS = 100_000
MAX_COLUMNS = 1000

ItemName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_ .-]{0,62}$")]
ItemKind = Literal["value", "table", "frame", "array", "tensors", "figure"]
MEDIA_TYPES: dict[ItemKind, str] = {
    "value": "application/json",
    "table": "application/json",
    "frame": "application/vnd.apache.arrow.file",
    "array": "application/x-npy",
    "tensors": "application/x-safetensors",
    "figure": "image/png",
}
Cell = (
    bool
    | int
    | Annotated[float, Field(allow_inf_nan=False)]
    | Annotated[str, StringConstraints(max_length=10_000)]
    | None
)


class TableData(Received):
    """A small table. `index` names the columns that label rows, in front of the others."""

    columns: tuple[Annotated[str, StringConstraints(max_length=200)], ...] = Field(
        max_length=MAX_COLUMNS
    )
    index: int = Field(default=0, ge=0)
    """How many of the first columns label the rows (a data frame's index)."""
    rows: tuple[tuple[Cell, ...], ...]

    @model_validator(mode="after")
    def _rectangular(self) -> "TableData":
        wide = len(self.columns)
        if self.index > wide or any(len(row) != wide for row in self.rows):
            raise ValueError("every row has as many cells as there are columns")
        if wide * len(self.rows) > MAX_TABLE_CELLS:
            raise ValueError(f"a table has at most {MAX_TABLE_CELLS} cells")
        return self


class OutputItem(Received):
    """One thing that code returned. Its bytes lie in the storage, and no byte count is public."""

    name: ItemName
    kind: ItemKind
    size: int
    digest: str
    """SHA-256 of the bytes, in hex: what a reviewer looked at is what is released."""
    shape: tuple[int, ...] = ()
    """table, frame: rows and columns; array: its shape; figure: height and width in pixels."""
    dtype: str = ""
    """array: NumPy's name of its type."""


class Finding(Received):
    """What a disclosure check found in an output. Advice to a reviewer, who decides."""

    check: Literal[
        "small_cells",
        "dominance",
        "differencing",
        "unrounded",
        "private_rows",
        "identifiers",
        "entropy",
        "size",
        "metadata",
    ]
    level: Literal["note", "warning", "alarm"]
    item: str
    """The item's name; empty for what is about the output as a whole."""
    message: Annotated[str, StringConstraints(max_length=2000), READABLE]
    cells: tuple[tuple[int, int], ...] = Field(default=(), max_length=200)
    """Row and column, from 0, of a table's cells that it is about."""


Ending = Literal[
    "returned",
    "raised",
    "exited",
    "wall_time",
    "cpu_time",
    "memory",
    "processes",
    "output_size",
    "output_form",
    "killed",
]
"""How the code ended. A researcher reads it of runs on made-up rows alone."""


def _storable(text: str) -> str:
    """`text` without what no database or JSON document can hold: U+0000 and lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


Captured = Annotated[str, AfterValidator(_storable)]
"""What a program wrote."""


class RunReport(Received):
    """How a run of code went: private facts, for owners and reviewers."""

    ending: Ending
    message: Captured = ""
    """One line: the exception, or which limit was met."""
    stdout: Captured = ""
    stderr: Captured = ""
    traceback: Captured = ""
    wall_ms: float
    cpu_ms: float
    peak_bytes: int
    tier: str
    """What held it: 'bubblewrap', 'landlock', … with what the machine added, as '+cgroup'."""
