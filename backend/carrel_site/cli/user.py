"""`carrel user`: people and their keys."""

import json
from pathlib import Path
from typing import Annotated

import typer

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from carrel_site.cli.rest import DataDirOption, JsonOption, Rest, connect, refuse, table

app = typer.Typer(help="People and their keys.", no_args_is_help=True)

_HERE = Path("carrel-data")


@app.command("list")
def list_users(data_dir: DataDirOption = _HERE, as_json: JsonOption = False) -> None:
    """Everybody on the site."""
    users = list(connect(data_dir).every("users"))
    if as_json:
        typer.echo(json.dumps(users, indent=2))
    else:
        table(users, ("email", "role", "active", "name", "id"))


@app.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="Their e-mail address")],
    name: Annotated[str, typer.Option(prompt=True, help="Their name")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            envvar="CARREL_USER_PASSWORD",
            help="A first password of 12 characters or more, which you hand over yourself",
        ),
    ],
    role: Annotated[Role, typer.Option(help="What they may do")] = Role.RESEARCHER,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Add a person."""
    body = {"email": email, "name": name, "role": role.value, "password": password}
    user = connect(data_dir).call("POST", "users", json=body)
    typer.echo(f"{user['email']} is a {user['role']} now ({user['id']}).")


@app.command("key")
def make_key(
    email: Annotated[str, typer.Argument(help="Whose key it is")],
    label: Annotated[str, typer.Option(help="What it is for")] = "made by the owner",
    scope: Annotated[list[Scope] | None, typer.Option(help="May be given several times")] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Until it expires")] = 90,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Make an API key for a person, and print it once, alone on its line."""
    rest = connect(data_dir)
    body = {
        "label": label,
        "scopes": [chosen.value for chosen in scope or (Scope.READ, Scope.ASK)],
        "expires_in_days": days,
    }
    key = rest.call("POST", f"users/{_find(rest, email)}/keys", json=body)
    typer.echo(key["secret"])
    typer.echo(f"Shown this once; it expires on {key['expires_at'][:10]}.", err=True)


def _find(rest: Rest, email: str) -> str:
    users = (u for u in rest.every("users") if email.lower() in (u["email"], u["id"]))
    found = next(users, None)
    if found is None:
        refuse(f"there is no {email} on this site.")
    return str(found["id"])
