"""`carrel environment`: named sets of packages that reviewed code may run in."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from carrel_site.cli.rest import DataDirOption, JsonOption, connect, refuse, table

app = typer.Typer(
    help="Environments: the packages that code may use. Nothing is installed when it runs.",
    no_args_is_help=True,
)

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
    """All environments that the site's workers told of."""
    found = connect(data_dir).call("GET", "environments")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        table(found, ("name", "state", "description", "lock_hash"))


@app.command("retire")
def retire_environment(
    name: NameArgument,
    back: Annotated[bool, typer.Option("--back", help="Take it into use again")] = False,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Let no code be asked to run in an environment from now on. Its files stay."""
    path = f"environments/{quote(name, safe='')}"
    connect(data_dir).call("PATCH", path, json={"retired": not back})
    typer.echo(f"{name} is {'in use again' if back else 'retired'}.")
