"""`carrel setup`: the first owner, made by whoever can read the site's data directory."""

import json
from pathlib import Path
from typing import NoReturn

import httpx
import typer

from carrel_site.settings import MissingSecret, Settings


def set_up(
    data_dir: Path, url: str | None, *, name: str, email: str, password: str
) -> tuple[str, str]:
    """Create the first owner; the site's URL and the owner's API key. Exits 1 if refused."""
    try:
        settings = Settings(data_dir=data_dir)
        token = settings.setup_token_file.read_text().strip()
    except (MissingSecret, OSError) as error:
        _refuse(f"{error}; name the site's own directory with --data-dir")
    address = url or settings.site_url
    body = {"token": token, "name": name, "email": email, "password": password}
    try:
        response = httpx.post(f"{address}/api/v1/setup", json=body, timeout=30.0)
    except httpx.TransportError as error:
        _refuse(f"{address} does not answer ({error}); start it with: carrel up")
    if response.status_code != httpx.codes.CREATED:
        _refuse(_reason(response))
    return address, str(response.json()["key"]["secret"])


def _reason(response: httpx.Response) -> str:
    try:
        problem = response.json()
    except json.JSONDecodeError:
        return f"the site answered {response.status_code}"
    return f"{problem.get('detail') or problem.get('title')} {problem.get('advice', '')}".strip()


def _refuse(message: str) -> NoReturn:
    typer.echo(f"carrel: {message}", err=True)
    raise typer.Exit(1)
