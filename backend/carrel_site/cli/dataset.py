"""`carrel dataset`: registering tables and who may ask of them."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.schema import TableSchema
from carrel_site.cli.rest import DataDirOption, JsonOption, Rest, connect, refuse, table

app = typer.Typer(help="Datasets.", no_args_is_help=True)

_HERE = Path("carrel-data")
_CHUNK = 1 << 20
_LONGEST_LOOK = 2.0
_FORMATS = ("csv.gz", "csv", "parquet")


@app.command("list")
def list_datasets(data_dir: DataDirOption = _HERE, as_json: JsonOption = False) -> None:
    """Every dataset, and whether it can be asked of."""
    datasets = list(connect(data_dir).every("datasets"))
    if as_json:
        typer.echo(json.dumps(datasets, indent=2))
    else:
        rows = [{**dataset, "version": dataset["version_id"]} for dataset in datasets]
        table(rows, ("name", "population", "revision", "version", "id"))


@app.command("add")
def add_dataset(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help=".csv, .csv.gz, .parquet")
    ],
    name: Annotated[str, typer.Option(help="An SQL name")],
    population: Annotated[str, typer.Option(help="Whom it is about")],
    schema: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The table's public metadata, JSON")
    ],
    title: Annotated[str, typer.Option(help="One line for people")] = "",
    auto_approve: Annotated[
        float | None,
        typer.Option(help="Approve requests of at most this share of a budget at once (0-1)"),
    ] = None,
    together: Annotated[
        float | None,
        typer.Option(help="Makes the population, if it is new: epsilon of everyone together"),
    ] = None,
    each: Annotated[
        float | None, typer.Option(help="And epsilon of each researcher (default: as together)")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it can be asked of")] = False,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Register a table and upload it; a name that is registered gets a new version."""
    source_format = next((f for f in _FORMATS if file.name.endswith(f".{f}")), None)
    if source_format is None:
        refuse(f"{file.name}: upload a .csv, .csv.gz or .parquet file.")
    declared = _schema(schema)
    rest = connect(data_dir)
    if together is not None:
        _population(rest, population, together, each or together)
    if name not in {dataset["name"] for dataset in rest.every("datasets")}:
        policy = DatasetPolicy()
        if auto_approve is not None:
            policy = DatasetPolicy(auto_approve=True, auto_approve_share=auto_approve)
        body = {
            "name": name,
            "title": title,
            "population": population,
            "table": declared.model_dump(mode="json"),
            "policy": policy.model_dump(mode="json"),
        }
        rest.call("POST", "datasets", json=body)
        typer.echo(f"{name} is registered.")
    version = rest.call(
        "POST",
        f"datasets/{name}/versions",
        params={"format": source_format},
        content=_chunks(file),
        headers={"Content-Type": "application/octet-stream"},
    )
    typer.echo(f"{file.name} is uploaded ({version['id']}).")
    _warn_of_same_people(version, population)
    if wait:
        ready = _wait(rest, name, version["id"])
        if not version["same_people_as"]:
            _warn_of_same_people(ready, population)
        typer.echo(f"{name} answers: {ready['rows']} rows of {ready['units']} units.")


@app.command("grant")
def grant(
    name: Annotated[str, typer.Argument(help="The dataset")],
    email: Annotated[str, typer.Argument(help="Who may ask of it")],
    data_dir: DataDirOption = _HERE,
) -> None:
    """Let a person ask of a dataset; their budget opens with it."""
    given = connect(data_dir).call("PUT", f"datasets/{name}/access", json={"user": email})
    typer.echo(f"{given['email']} may ask of {name}.")


def _warn_of_same_people(version: Any, population: str) -> None:
    other = version["same_people_as"]
    if other:
        typer.echo(
            f"Warning: the population {other} has a version with the same content or the same "
            f"units. If {population} and {other} are the same people, two budgets now protect "
            "them where one was meant: take access to this dataset away, and register it with "
            f"--population {other}.",
            err=True,
        )


def _schema(path: Path) -> TableSchema:
    try:
        return TableSchema.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "schema"
        refuse(f"{path.name}: {place}: {first['msg']}")


def _population(rest: Rest, name: str, together: float, each: float) -> None:
    if name not in {population["name"] for population in rest.every("populations")}:
        body = {"name": name, "together": {"epsilon": together}, "each": {"epsilon": each}}
        rest.call("POST", "populations", json=body)
        typer.echo(f"The population {name} is there, with epsilon {together:g} together.")


def _wait(rest: Rest, name: str, version_id: str) -> Any:
    pause = 0.1
    while True:
        version = next(
            (v for v in rest.every(f"datasets/{name}/versions") if v["id"] == version_id), None
        )
        if version is None or version["state"] == "failed":
            refuse(f"ingest failed: {version and version['error']}")
        if version["state"] == "ready":
            return version
        time.sleep(pause)
        pause = min(_LONGEST_LOOK, pause * 1.5)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
