"""How large the site is, what is copied to make it so, and the ids of the copies."""

from dataclasses import dataclass

DATASETS = 10_000
REQUESTS = 100_000
EVENTS = 1_000_000
POPULATIONS = 200
PEOPLE = 2_000
GROUPS = 200

ANYBODY = f"1 + (i * 7) % {PEOPLE}"
"""SQL for the number of a person, another for each row."""

_ID = "'{}_' || left(translate(md5('{}' || ({})::text), '0189', 'wxyz'), 24)"


def row_id(prefix: str, number: str) -> str:
    """SQL for the id of row `number`: it looks like those the site makes."""
    return _ID.format(prefix, prefix, number)


@dataclass(frozen=True)
class Template:
    """What is copied, and who is there already."""

    population: str
    dataset: str
    version: str
    request: str
    code: str
    owner: str
    reviewer: str
    researcher: str
