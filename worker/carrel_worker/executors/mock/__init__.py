"""An uploaded mock: its rows as researchers get them, and how near they are to private ones."""

from carrel_worker.executors.mock.compare import Stopped, compare
from carrel_worker.executors.mock.rows import codes_of, read_rows, write_rows

__all__ = ["Stopped", "codes_of", "compare", "read_rows", "write_rows"]
