"""What `carrel doctor` looks at."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report. `advice` says what to do; empty when all is well."""

    level: Level
    subject: str
    detail: str
    advice: str = ""
