"""`carrel environment`: the packages that reviewed code may use."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from carrel_site.cli.rest import DataDirOption, JsonOption, connect, refuse, table

app = typer.Typer(help="Environments that reviewed code runs in.", no_args_is_help=True)

_HERE = Path("carrel-data")

NameArgument = Annotated[str, typer.Argument(help="The environment's name: a-z, 0-9 and -")]


@app.command("build")
def build_environment(
    name: NameArgument,
    packages: Annotated[
        list[str] | None, typer.Option(help="A package, as 'pandas>=2.2'; may be repeated")
    ] = None,
    requirements: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A file of packages, one a line"),
    ] = None,
    index: Annotated[
        str | None, typer.Option(help="Where pip finds the packages, if not at its usual index")
    ] = None,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Find the packages as wheels, install them by their hashes, and lock them. Workers find the
    environment there within half a minute."""
    # In the worker's process, as all that touches packages or rows.
    command = [sys.executable, "-P", "-m", "carrel_worker.environment_build", name]
    command.append(str(data_dir.absolute() / "environments"))
    command += [f"--package={package}" for package in packages or ()]
    if requirements is not None:
        command.append(f"--requirements={requirements}")
    if index is not None:
        command.append(f"--index={index}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        refuse(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it was not built")
    lock = json.loads(done.stdout)
    for wheel in lock["wheels"]:
        typer.echo(f"  {wheel['name']}=={wheel['version']}")
    typer.echo(f"The environment {name} is built: {lock['lock_hash']}")


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
