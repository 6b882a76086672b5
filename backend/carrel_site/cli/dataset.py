"""`carrel dataset`: registering tables and who may ask of them."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.schema import TableSchema
from carrel_site.cli import proposing, uploading
from carrel_site.cli.rest import DataDirOption, JsonOption, Rest, connect, refuse, table

app = typer.Typer(help="Datasets.", no_args_is_help=True)

_HERE = Path("carrel-data")
UploadArgument = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help=".csv, .csv.gz, .parquet")
]


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
    file: UploadArgument,
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
    uploading.format_of(file)
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
    version = uploading.upload(rest, name, file, purpose="version", resume=True)
    typer.echo(f"{file.name} is uploaded ({version['id']}).")
    _warn_of_same_people(version, population)
    if wait:
        ready = uploading.follow(rest, version)
        if not version["same_people_as"]:
            _warn_of_same_people(ready, population)
        typer.echo(f"{name} answers: {ready['rows']} rows of {ready['units']} units.")


@app.command("upload")
def upload(
    file: UploadArgument,
    name: Annotated[str, typer.Option("--dataset", help="The dataset's name or id")],
    mock: Annotated[
        bool, typer.Option("--mock", help="Made-up rows for researchers to see")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume/--anew", help="Go on with an unfinished upload of the same file"),
    ] = True,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is laid out")] = False,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Upload a new version of a dataset, or a mock; what was interrupted goes on."""
    rest = connect(data_dir)
    purpose = "mock" if mock else "version"
    version = uploading.upload(rest, name, file, purpose=purpose, resume=resume)
    typer.echo(f"{file.name} is uploaded ({version['id']}).")
    _warn_of_same_people(version, "its population")
    if not wait:
        return
    ready = uploading.follow(rest, version)
    if not mock:
        typer.echo(f"{name} answers: {ready['rows']} rows of {ready['units']} units.")
        return
    check = rest.call("GET", f"datasets/{name}/mock/check")
    if check["state"] == "suspicious":
        typer.echo(
            f"{check['exact']} rows equal private ones and {check['near']} are equal or near "
            f"(by chance at most {check['exact_by_chance']} and {check['near_by_chance']} would "
            "be): researchers do not get this mock unless you accept it."
        )
    else:
        typer.echo(f"The mock is {check['state']}.")


@app.command("propose")
def propose(
    file: UploadArgument,
    from_values: Annotated[
        bool, typer.Option("--from-values", help="Bounds and categories from the private values")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you mean that")] = False,
) -> None:
    """Print a first draft of a table's public metadata, to correct and use with add --schema."""
    file_format = uploading.format_of(file)
    if from_values:
        typer.echo(proposing.REVEALS, err=True)
        if not yes:
            typer.confirm("Take them from the values?", abort=True, err=True)
    drafted = proposing.draft(file, file_format, from_values=from_values)
    for note in drafted["notes"]:
        typer.echo(f"# {note}", err=True)
    typer.echo(json.dumps(drafted["table"], indent=2, ensure_ascii=False))


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
