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
    key = rest.call("POST", f"users/{find_user(rest, email)}/keys", json=body)
    typer.echo(key["secret"])
    typer.echo(f"Shown this once; it expires on {key['expires_at'][:10]}.", err=True)


@app.command("invite")
def invite(
    email: Annotated[str, typer.Argument(help="Their e-mail address")],
    name: Annotated[str, typer.Option(prompt=True, help="Their name")],
    role: Annotated[Role, typer.Option(help="What they may do")] = Role.RESEARCHER,
    group: Annotated[list[str] | None, typer.Option(help="Groups they come into")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Datasets they may ask of")] = None,
    days: Annotated[int, typer.Option(min=1, max=30, help="Until the link expires")] = 7,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Invite a person: print a link with which they choose their own password, once."""
    body = {
        "email": email,
        "name": name,
        "role": role.value,
        "groups": group or [],
        "datasets": dataset or [],
        "expires_in_days": days,
    }
    made = connect(data_dir).call("POST", "invitations", json=body)
    typer.echo(made["link"])
    typer.echo(
        f"Give it to {made['email']} and to nobody else. It works once, until "
        f"{made['expires_at'][:10]}, and replaces any that they had.",
        err=True,
    )


@app.command("reset-password")
def reset_password(
    email: Annotated[str, typer.Argument(help="Whose password is to be set anew")],
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Without a key, on the site's own machine, with its settings: for an owner who "
            "is locked out",
        ),
    ] = False,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Print a link with which a person sets a new password, once. Their keys stay."""
    if offline:
        made = _offline_link(email, data_dir)
    else:
        rest = connect(data_dir)
        made = rest.call("POST", f"users/{find_user(rest, email)}/password_reset")
    typer.echo(made["link"])
    typer.echo(f"Works once, until {made['expires_at'][:16].replace('T', ' ')} UTC.", err=True)


@app.command("sessions")
def list_sessions(
    email: Annotated[str, typer.Argument(help="Whose sessions")],
    data_dir: DataDirOption = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Where a person is signed in to the console, newest first."""
    rest = connect(data_dir)
    found = rest.call("GET", f"users/{find_user(rest, email)}/sessions")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        table(found, ("id", "last_seen_at", "expires_at", "user_agent"))


@app.command("sign-out")
def sign_out(
    email: Annotated[str, typer.Argument(help="Whose session is to end")],
    session: Annotated[
        str | None, typer.Argument(help="The id of one session; else all of theirs end")
    ] = None,
    data_dir: DataDirOption = _HERE,
) -> None:
    """Sign a person out at once, in one browser or everywhere. Their keys stay."""
    rest = connect(data_dir)
    path = f"users/{find_user(rest, email)}/sessions"
    rest.call("DELETE", path if session is None else f"{path}/{session}")
    where = "everywhere" if session is None else f"of the session {session}"
    typer.echo(f"{email} is signed out {where}.")


@app.command("deactivate")
def deactivate(
    email: Annotated[str, typer.Argument(help="Who has to go")],
    data_dir: DataDirOption = _HERE,
) -> None:
    """End a person's access at once: their keys, sessions, links and pending invitations."""
    rest = connect(data_dir)
    rest.call("PATCH", f"users/{find_user(rest, email)}", json={"active": False})
    typer.echo(f"{email} is deactivated. What they spent stays spent.")


def _offline_link(email: str, data_dir: Path) -> dict[str, str]:
    """Made by whoever can read the site's secrets, which is more than any owner can."""
    from sqlalchemy.exc import SQLAlchemyError

    from carrel_site.accounts import passwords
    from carrel_site.core.db import Database
    from carrel_site.core.errors import SiteError
    from carrel_site.datasets import repository
    from carrel_site.settings import MissingSecret, Settings

    try:
        settings = Settings(data_dir=data_dir)
        database = Database(settings.database_url, pool_size=1)
        user = database.read(lambda session: repository.user(session, email))
        if user is None:
            refuse(f"there is no {email} on this site.")
        user_id = user.id
        made = database.transact(
            lambda session: passwords.make_link_here(session, settings, user_id)
        )
    except SiteError as error:
        refuse(f"{error.detail} {error.advice or ''}".strip())
    except MissingSecret as error:
        refuse(str(error))
    except SQLAlchemyError as error:
        refuse(f"the site's database does not answer ({type(error).__name__}).")
    return {"link": made.link, "expires_at": made.expires_at.isoformat()}


def find_user(rest: Rest, email: str) -> str:
    """A person's id, by address or id."""
    found = next(
        (
            user
            for user in rest.every("users", q=email if "@" in email else None)
            if email.lower() in (user["email"], user["id"])
        ),
        None,
    )
    if found is None:
        refuse(f"there is no {email} on this site.")
    return str(found["id"])
