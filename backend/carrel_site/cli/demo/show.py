"""The demo's supervisor: a site as `carrel up` runs it, then the owner's and the client's part."""

import os
import signal
import sys
import time
from pathlib import Path

import httpx
import typer

from carrel_site.cli.demo.people import OWNER, RESEARCHER
from carrel_site.cli.up import REFUSALS, say
from carrel_site.embedded import shim
from carrel_site.embedded.process import Program, clean_environment
from carrel_site.embedded.programs import PYTHON
from carrel_site.embedded.site import RunningSite, running_site
from carrel_site.embedded.supervise import StopRequested

_PART_SECONDS = 120.0


def run_demo(
    data_dir: Path, port: int | None, *, once: bool, code: bool, die_with_parent: bool
) -> None:
    """Bring the site up, play both parts, and keep it up unless `once`."""
    if die_with_parent:
        shim.die_with(os.getppid(), signal.SIGTERM)
    started = time.monotonic()
    say("Starting PostgreSQL, Valkey, the API, the scheduler and a worker …")
    try:
        with running_site(data_dir, port, say, concurrency=2) as site:
            say(f"The site is up at {site.url} after {time.monotonic() - started:.1f} s.")
            _play(site)
            if code:
                _play_code(site)
            if once:
                return
            say(
                f"\nThe question in the console: {_question(site)}\n"
                f"Sign in as {OWNER} or {RESEARCHER}, with the password shown at the first start.\n"
                f"The site stays up at {site.url}. Ctrl-C stops it; its data stay in {data_dir}."
            )
            site.supervisor.watch()
    except StopRequested:
        say("Stopped.")
    except REFUSALS as refusal:
        typer.echo(f"carrel: {refusal}", err=True)
        raise typer.Exit(1) from None


def _play(site: RunningSite) -> None:
    """Each part is a program of its own: the client's has nothing of the site's but a key."""
    _of_the_site(site, "owner")
    _of_the_client(site, "_demo")


def _play_code(site: RunningSite) -> None:
    """Code is asked for, read, run, held, released and fetched."""
    _of_the_client(site, "_demo_code", "ask")
    _of_the_site(site, "reviewer")
    _of_the_client(site, "_demo_code", "fetch")


def _of_the_site(site: RunningSite, name: str) -> None:
    part = _part(
        name,
        f"carrel_site.cli.demo.{name}",
        CARREL_DATA_DIR=str(site.data.root),
        CARREL_SITE_URL=site.url,
    )
    sys.stdout.flush()
    site.supervisor.run(part, _PART_SECONDS)


def _of_the_client(site: RunningSite, module: str, *arguments: str) -> None:
    key = (site.data.secrets / "demo_researcher_key").read_text().strip()
    part = _part(
        "researcher",
        f"carrel.{module}",
        *arguments,
        CARREL_URL=site.url,
        CARREL_API_KEY=key,
    )
    sys.stdout.flush()
    site.supervisor.run(part, _PART_SECONDS)


def _question(site: RunningSite) -> str:
    """Where the console shows what was just asked."""
    key = (site.data.secrets / "demo_researcher_key").read_text().strip()
    reply = httpx.get(
        f"{site.url}/api/v1/requests",
        params={"mine": True, "limit": 1},
        headers={"Authorization": f"Bearer {key}"},
        timeout=30.0,
    )
    reply.raise_for_status()
    return f"{site.url}/requests/{reply.json()['items'][0]['id']}"


def _part(name: str, module: str, *arguments: str, **environment: str) -> Program:
    return Program(
        name=f"the {name}'s part",
        arguments=(*PYTHON, "-m", module, *arguments),
        environment=clean_environment(**environment),
        log=None,
    )
