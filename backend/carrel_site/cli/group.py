"""`carrel group`: people by what they stand for."""

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from carrel_site.cli.rest import DataDirOption, JsonOption, connect, table
from carrel_site.cli.user import find_user

app = typer.Typer(help="Groups of people, for review rules and access.", no_args_is_help=True)

_HERE = Path("carrel-data")

GroupArgument = Annotated[str, typer.Argument(help="The group's name or id")]
EmailArgument = Annotated[str, typer.Argument(help="The person's e-mail address")]


@app.command("list")
def list_groups(data_dir: DataDirOption = _HERE, as_json: JsonOption = False) -> None:
    """All groups."""
    groups = list(connect(data_dir).every("groups"))
    if as_json:
        typer.echo(json.dumps(groups, indent=2))
    else:
        table(groups, ("name", "size", "description", "id"))


@app.command("show")
def show_group(
    group: GroupArgument, data_dir: DataDirOption = _HERE, as_json: JsonOption = False
) -> None:
    """Who is in a group."""
    shown = connect(data_dir).call("GET", _path(group))
    if as_json:
        typer.echo(json.dumps(shown, indent=2))
    else:
        table(shown["members"], ("email", "name", "id"))


@app.command("add")
def add_group(
    name: Annotated[str, typer.Argument(help="What the group is called")],
    description: Annotated[str, typer.Option(help="What it stands for")] = "",
    data_dir: DataDirOption = _HERE,
) -> None:
    """Make a group, with nobody in it."""
    body = {"name": name, "description": description}
    made = connect(data_dir).call("POST", "groups", json=body)
    typer.echo(f"The group {made['name']} is there now ({made['id']}).")


@app.command("delete")
def delete_group(group: GroupArgument, data_dir: DataDirOption = _HERE) -> None:
    """Delete a group that no rule and no undecided request names."""
    connect(data_dir).call("DELETE", _path(group))
    typer.echo(f"The group {group} is gone.")


@app.command("join")
def join_group(group: GroupArgument, email: EmailArgument, data_dir: DataDirOption = _HERE) -> None:
    """Put a person into a group."""
    rest = connect(data_dir)
    rest.call("PUT", f"{_path(group)}/members/{find_user(rest, email)}")
    typer.echo(f"{email} is in {group} now.")


@app.command("leave")
def leave_group(
    group: GroupArgument, email: EmailArgument, data_dir: DataDirOption = _HERE
) -> None:
    """Take a person out of a group. Access that they were given stays."""
    rest = connect(data_dir)
    rest.call("DELETE", f"{_path(group)}/members/{find_user(rest, email)}")
    typer.echo(f"{email} is not in {group} any more.")


@app.command("give-access")
def give_access(
    group: GroupArgument,
    dataset: Annotated[str, typer.Argument(help="The dataset's name or id")],
    data_dir: DataDirOption = _HERE,
) -> None:
    """Let everybody who is in a group now ask questions of a dataset."""
    path = f"datasets/{quote(dataset, safe='')}/access"
    came_to = connect(data_dir).call("PUT", path, json={"group": group})
    typer.echo(f"{len(came_to['given'])} people may ask questions of {dataset} now.")
    for skipped in came_to["skipped"]:
        typer.echo(f"Not {skipped['name']}: {skipped['reason']}", err=True)


def _path(group: str) -> str:
    return f"groups/{quote(group, safe='')}"
