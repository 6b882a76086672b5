"""The command tree. Each command imports what it needs when it runs, so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from carrel_site.cli import audit, dataset, db, environment, group, user

app = typer.Typer(
    help="Carrel: host data that others compute on without seeing it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for name, commands in (
    ("dataset", dataset),
    ("user", user),
    ("group", group),
    ("environment", environment),
    ("audit", audit),
    ("db", db),
):
    app.add_typer(commands.app, name=name)

DataDirOption = Annotated[
    Path, typer.Option("--data-dir", envvar="CARREL_DATA_DIR", help="Where the site keeps its data")
]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", min=1, max=65535, help="Listen here; otherwise on 8750, or the next free one"
    ),
]


@app.command()
def up(
    data_dir: DataDirOption = Path("carrel-data"),
    port: PortOption = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Runs at a time")] = 4,
) -> None:
    """Start a whole site on this machine: database, broker, API and worker, on 127.0.0.1."""
    from carrel_site.cli.up import run_site

    run_site(data_dir, port, concurrency=concurrency)


@app.command()
def setup(
    email: Annotated[str, typer.Argument(help="The owner's e-mail address")],
    name: Annotated[str, typer.Option(prompt=True, help="The owner's name")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, confirmation_prompt=True, envvar="CARREL_OWNER_PASSWORD"
        ),
    ],
    data_dir: DataDirOption = Path("carrel-data"),
    url: Annotated[str | None, typer.Option(help="The site, if not the one running there")] = None,
) -> None:
    """Make the site's first owner, once, and print an API key."""
    from carrel_site.cli.setup import set_up

    address, key = set_up(data_dir, url, name=name, email=email, password=password)
    typer.echo(
        f"{email} owns the site now. An API key, shown this once:\n"
        f"  export CARREL_URL={address} CARREL_API_KEY={key}"
    )


@app.command()
def demo(
    data_dir: DataDirOption = Path(".demo"),
    port: PortOption = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after the question")] = False,
    code: Annotated[bool, typer.Option("--code", help="Reviewed code, too")] = False,
    die_with_parent: Annotated[
        bool, typer.Option(hidden=True, help="Stop when the process that started this one ends")
    ] = False,
) -> None:
    """Start a site with real data and two people, ask one private question, and stay up."""
    from carrel_site.cli.demo.show import run_demo

    run_demo(data_dir, port, once=once, code=code, die_with_parent=die_with_parent)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Default: CARREL_HOST or 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Default: CARREL_PORT or 8750")] = None,
    uds: Annotated[Path | None, typer.Option(help="Listen on this unix socket instead")] = None,
    fd: Annotated[
        int | None, typer.Option(help="An inherited listening socket", hidden=True)
    ] = None,
) -> None:
    """Run the API against the PostgreSQL and the broker of the CARREL_* settings."""
    from carrel_site.cli.serve import serve_api

    serve_api(host=host, port=port, uds=uds, fd=fd)


@app.command()
def worker(
    queues: Annotated[
        str, typer.Option(help="Comma-separated: query, ingest, code, black_box, mock")
    ] = ("query,ingest,code,black_box"),
    concurrency: Annotated[int, typer.Option(min=1, help="Runs at a time")] = 4,
    name: Annotated[str, typer.Option(help="Shown in logs")] = "carrel",
) -> None:
    """Run a worker with the CARREL_WORKER_* settings, beside the data."""
    from carrel_site.cli.serve import run_worker

    run_worker(queues, concurrency, name)


@app.command()
def beat() -> None:
    """Run the scheduler: lost runs, deadlines, expiry and audit heads. One or several per site."""
    from carrel_site.runs.beat import main as beat_main

    beat_main()


@app.command()
def doctor(data_dir: DataDirOption = Path("carrel-data")) -> None:
    """Check this machine and the settings; say what to do about what is wrong."""
    from carrel_site.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(data_dir))


@app.command()
def openapi() -> None:
    """Print the API's OpenAPI 3.1 document; needs no running site."""
    from carrel_site.cli.openapi import document

    typer.echo(document())
