"""`carrel audit`: reading and checking the log."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from carrel_site.cli.rest import DataDirOption, connect, refuse

app = typer.Typer(help="The audit log.", no_args_is_help=True)

_HERE = Path("carrel-data")


@app.command("verify")
def verify_log(
    data_dir: DataDirOption = _HERE,
    anchors: Annotated[
        Path | None, typer.Option(help="A copy of the anchors file kept elsewhere")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="A copy of the spend journal kept elsewhere")
    ] = None,
) -> None:
    """Check the log, the ledger and every answer against what was signed; 1 if anything differs.

    Reads the database itself, with CARREL_DATABASE_URL or the settings of --data-dir.
    """
    from carrel_site.audit.anchors import read_anchors
    from carrel_site.audit.errors import Broken
    from carrel_site.audit.verify import verify_site
    from carrel_site.ledger.journal import JournalDamaged, read_journal
    from carrel_site.settings import Settings

    settings = Settings(data_dir=data_dir)
    try:
        heads = list(read_anchors(anchors or settings.anchors_file))
        spends = read_journal(journal or settings.spend_journal_file)
        found = verify_site(settings, heads, spends)
    except (Broken, JournalDamaged) as broken:
        typer.echo(f"BROKEN: {broken}", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        f"Whole: {found.events} events, {found.entries} ledger entries of {found.accounts} "
        f"accounts and {found.answers} answers, against {found.anchors} signed heads and "
        f"{found.journal_lines} lines of the spend journal."
    )
    for first, last in found.restores:
        typer.echo(
            f"An earlier database was restored: it lost events {first} to {last} of the log, "
            "and what they said was spent is charged again. Was that you?"
        )
    if found.anchors == 0:
        typer.echo("No signed heads were found: a rewritten log could not be told.", err=True)


@app.command("export")
def export_log(
    output: Annotated[Path | None, typer.Argument(help="A file; standard output if none")] = None,
    data_dir: DataDirOption = _HERE,
) -> None:
    """The whole log as JSON lines; the last line is its end, signed."""
    lines = connect(data_dir).lines("audit/events/export")
    if output is None:
        for line in lines:
            sys.stdout.write(line + "\n")
        return
    with output.open("x") as file:
        for line in lines:
            file.write(line + "\n")


@app.command("check")
def check_exported(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An exported log")],
    key: Annotated[str, typer.Option(help="The site's public key, as `carrel audit key` gave it")],
) -> None:
    """Check an exported log without the site: its chain, and the signature at its end."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from carrel_site.audit.errors import Broken
    from carrel_site.audit.exports import check_export

    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    except ValueError:
        refuse("a key is 64 hex digits.")
    try:
        with file.open() as lines:
            head = check_export(lines, public)
    except Broken as broken:
        typer.echo(f"BROKEN: {broken}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Whole: {head.sequence} events, signed at {head.at.isoformat()}.")


@app.command("key")
def show_key(data_dir: DataDirOption = _HERE) -> None:
    """The public key that the site signs with, in hex."""
    typer.echo(connect(data_dir).call("GET", "audit/key")["public_key"])


@app.command("head")
def show_head(data_dir: DataDirOption = _HERE) -> None:
    """The log's end as it is now, signed: keep it elsewhere."""
    import json

    typer.echo(json.dumps(connect(data_dir).call("GET", "audit/head")))
