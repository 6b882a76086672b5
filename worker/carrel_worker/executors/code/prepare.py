"""From a job to what the sandbox is given, once everything is what was approved."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from carrel_protocol.code import CodeContent, MockCode
from carrel_protocol.jobs import CodeJob
from carrel_protocol.schema import CategoryColumn, Column, IntegerColumn, RealColumn, TableSchema
from carrel_worker import environments
from carrel_worker.executors.code.errors import ContentChanged, GrantsDiffer
from carrel_worker.sandbox import drop
from carrel_worker.sandbox.program import EnvironmentDir, Mount, Program
from carrel_worker.sandbox.runner import tables
from carrel_worker.storage import Storage
from carrel_worker.tables.codes import last_code, lowest, step
from carrel_worker.tables.layout import Table, open_table


@dataclass(frozen=True)
class Prepared:
    """A program with its mounts. `data` are the private tables it is given, by alias; `decoders`
    is the environment in which what it returns is decoded."""

    program: Program
    mounts: tuple[Mount, ...]
    data: Mapping[str, Table]
    decoders: Callable[[], EnvironmentDir]


@contextmanager
def approved(
    job: CodeJob, storage: Storage, environments_dir: Path, work_dir: Path
) -> Iterator[Prepared]:
    """What was approved, ready to run inside the block.

    Each table is mounted by a descriptor of the very file whose bytes were found to have the
    granted digest, so that no other can take its place. Raises `ContentChanged`, `GrantsDiffer`,
    `EnvironmentChanged`, `GrantError`, `NotATable`, `CodedDifferently`.
    """
    content = job.content
    if content.content_hash() != job.content_hash:
        raise ContentChanged("the job's content does not have the hash that was approved")
    if len(job.data) != len(content.data):
        raise GrantsDiffer(f"{len(content.data)} datasets and {len(job.data)} grants")
    environment = environments.find(
        content.environment.name, content.environment.lock_hash, environments_dir
    )
    with ExitStack() as stack:
        work = stack.enter_context(work_directory(work_dir))
        mounts, data, decoders = [], {}, partial(_decoders, environments_dir)
        for each, grant in zip(content.data, job.data, strict=True):
            drop.lend(storage.verified(grant))
            descriptor = storage.opened(grant)
            stack.callback(os.close, descriptor)
            data[each.alias] = open_table(Path(f"/proc/self/fd/{descriptor}"), each.table.columns)
            mounts.append(Mount(descriptor, f"{each.alias}/{tables.STORED}"))
            mounts.append(_file(work, each.alias, tables.SCHEMA, schema_file(each.table)))
        yield Prepared(_program(content, environment.directory), tuple(mounts), data, decoders)


@contextmanager
def made_up(code: MockCode, environments_dir: Path, work_dir: Path) -> Iterator[Prepared]:
    """A program to try on the rows that it comes with. Raises `EnvironmentChanged`."""
    environment = environments.find(
        code.environment.name, code.environment.lock_hash, environments_dir
    )
    decoders = partial(_decoders, environments_dir)
    with work_directory(work_dir) as work:
        mounts = []
        for each in code.data:
            mounts.append(_file(work, each.alias, tables.SCHEMA, schema_file(each.table)))
            mounts.append(_file(work, each.alias, tables.MADE_UP, json.dumps(each.rows)))
        yield Prepared(_program(code, environment.directory), tuple(mounts), {}, decoders)


def _decoders(environments_dir: Path) -> EnvironmentDir:
    return environments.default(environments_dir).directory


def _program(code: CodeContent | MockCode, environment: EnvironmentDir) -> Program:
    asked = code.model_dump(mode="json")
    return Program(
        files={file.path: file.text for file in code.files},
        entry=asked["entry"],
        environment=environment,
        limits=code.limits,
        parameters=asked["parameters"],
        tables={each.alias: each.alias for each in code.data},
    )


@contextmanager
def work_directory(work_dir: Path) -> Iterator[Path]:
    """A directory for one run, that the sandbox's user may pass through; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=work_dir) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


def _file(work: Path, alias: str, name: str, text: str) -> Mount:
    path = work / f"{alias}.{name}"
    path.write_text(text, encoding="utf-8")
    drop.lend(path)
    return Mount(path, f"{alias}/{name}")


def schema_file(schema: TableSchema) -> str:
    """What the runner reads beside a table: how its codes become values."""
    return json.dumps(
        {
            "unit_column": schema.unit_column,
            "columns": [_described(column) for column in schema.columns],
        }
    )


def _described(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "nullable": column.nullable,
        "low": lowest(column),
        "last": last_code(column),
    }
    if isinstance(column, CategoryColumn):
        described["categories"] = column.categories
    if isinstance(column, IntegerColumn | RealColumn):
        unit: Fraction = step(column)
        described["step"] = [unit.numerator, unit.denominator]
    return described
