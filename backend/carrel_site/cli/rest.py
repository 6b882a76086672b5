"""The commands' way to a site: its REST API, with an owner's key."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer

from carrel_site.settings import MissingSecret, Settings

KEY_FILE = "owner_key"
"""In the secrets directory: the key that commands on the site's own machine use."""

DataDirOption = Annotated[
    Path, typer.Option("--data-dir", envvar="CARREL_DATA_DIR", help="Where the site keeps its data")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]


class Rest:
    """Calls that print the site's own words and exit 1 when it refuses."""

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60.0,
            transport=transport,
        )

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The reply's JSON; None when there is none."""
        try:
            reply = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            refuse(f"{self._http.base_url} does not answer ({error}).")
        if reply.is_error:
            refuse(_reason(reply))
        return reply.json() if reply.content else None

    def attempt(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The reply, whatever it is; None when the site does not answer."""
        try:
            return self._http.request(method, path, **options)
        except httpx.TransportError:
            return None

    @staticmethod
    def refuse_for(reply: httpx.Response) -> NoReturn:
        """Print why the site refused, and exit 1."""
        refuse(_reason(reply))

    def every(self, path: str, **filters: Any) -> Iterator[Any]:
        """The items of all pages of a list."""
        cursor = None
        while True:
            page = self.call("GET", path, params={"limit": 200, **_given(cursor=cursor, **filters)})
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def lines(self, path: str) -> Iterator[str]:
        """The lines of a streamed reply."""
        with self._http.stream("GET", path) as reply:
            if reply.is_error:
                reply.read()
                refuse(_reason(reply))
            yield from reply.iter_lines()


def connect(data_dir: Path) -> Rest:
    """The site of CARREL_URL and CARREL_API_KEY; else the one in `data_dir`, with its key file."""
    url, key = os.environ.get("CARREL_URL"), os.environ.get("CARREL_API_KEY")
    if not (url and key):
        try:
            settings = Settings(data_dir=data_dir)
            url = url or settings.site_url
            key = key or (settings.secrets_dir / KEY_FILE).read_text().strip()
        except (MissingSecret, OSError):
            refuse(
                "no key: set CARREL_URL and CARREL_API_KEY to an owner's key, or put one into "
                f"{data_dir / 'secrets' / KEY_FILE} (mode 0600)."
            )
    return Rest(url, key)


def refuse(message: str) -> NoReturn:
    """Say why, and end with exit status 1."""
    typer.echo(f"carrel: {message}", err=True)
    raise typer.Exit(1)


def table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """Print rows in aligned columns."""
    lines = [columns, *(tuple(str(row[column] or "-") for column in columns) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        typer.echo(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def _reason(reply: httpx.Response) -> str:
    try:
        problem = reply.json()
    except ValueError:
        return f"the site answered {reply.status_code}"
    return f"{problem.get('detail') or problem.get('title')} {problem.get('advice') or ''}".strip()


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
