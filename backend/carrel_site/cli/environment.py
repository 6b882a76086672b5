"""`carrel environment`: the packages that reviewed code may use."""

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from carrel_site.cli.rest import DataDirOption, JsonOption, connect, table

app = typer.Typer(help="Environments that reviewed code runs in.", no_args_is_help=True)

_HERE = Path("carrel-data")

NameArgument = Annotated[str, typer.Argument(help="The environment's name")]


@app.command("list")
def list_environments(data_dir: DataDirOption = _HERE, as_json: JsonOption = False) -> None:
    """All environments that a worker said it has built."""
    found = connect(data_dir).call("GET", "environments")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    rows = [{**each, "packages": len(each["locked"])} for each in found]
    table(rows, ("name", "state", "packages", "description", "built_at"))


@app.command("show")
def show_environment(name: NameArgument, data_dir: DataDirOption = _HERE) -> None:
    """An environment, every package of it, and what a run in it may take."""
    typer.echo(json.dumps(connect(data_dir).call("GET", _path(name)), indent=2))


@app.command("retire")
def retire_environment(name: NameArgument, data_dir: DataDirOption = _HERE) -> None:
    """Take an environment away: nothing runs in it any more, approved or not."""
    connect(data_dir).call("PATCH", _path(name), json={"retired": True})
    typer.echo(f"Nothing runs in {name} any more. `carrel environment restore {name}` undoes it.")


@app.command("restore")
def restore_environment(name: NameArgument, data_dir: DataDirOption = _HERE) -> None:
    """Let code run in a retired environment again."""
    connect(data_dir).call("PATCH", _path(name), json={"retired": False})
    typer.echo(f"Code may run in {name} again.")


def _path(name: str) -> str:
    return f"environments/{quote(name, safe='')}"
