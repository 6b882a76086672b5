"""`carrel up`: a whole site until Ctrl-C."""

from pathlib import Path

import typer

from carrel_site.embedded.binaries import BinariesMissing
from carrel_site.embedded.identity import NoIdentity
from carrel_site.embedded.layout import AlreadyRunning
from carrel_site.embedded.ports import PortTaken
from carrel_site.embedded.postgres import PostgresFailed
from carrel_site.embedded.secrets import SecretsExposed, read_secret
from carrel_site.embedded.site import NotAlone, RunningSite, running_site
from carrel_site.embedded.supervise import StartFailed, StopRequested
from carrel_site.embedded.survivors import StillInUse

REFUSALS = (
    AlreadyRunning,
    BinariesMissing,
    NoIdentity,
    NotAlone,
    PortTaken,
    PostgresFailed,
    SecretsExposed,
    StartFailed,
    StillInUse,
)
"""Reasons not to start, each with a message that says what to do."""


def say(line: str) -> None:
    typer.echo(line)


def run_site(data_dir: Path, port: int | None, *, concurrency: int) -> None:
    """Keep a site up until SIGINT or SIGTERM, then stop it and return."""
    say("Starting …")
    try:
        with running_site(data_dir, port, say, concurrency=concurrency) as site:
            announce(site)
            site.supervisor.watch()
    except StopRequested:
        say("Stopped.")
    except REFUSALS as refusal:
        typer.echo(f"carrel: {refusal}", err=True)
        raise typer.Exit(1) from None


def announce(site: RunningSite) -> None:
    """Say where the site is, and how its first owner is made while there is none."""
    say(f"The site is up at {site.url} (this machine only). Logs: {site.data.logs}")
    if not site.has_owner():
        token = read_secret(site.data.secrets, "setup_token")
        say(
            "It has no owner yet. Make yourself its owner, once:\n"
            f"  carrel setup you@example.org --data-dir {site.data.root}\n"
            "or let somebody else, by sending them this link, which works once:\n"
            f"  {site.url}/setup#token={token}"
        )
    say("Ctrl-C stops it.")
