"""The `carrel` command. `main` is found by name from carrel._cli, which a bare install has too."""

from carrel_site.cli.app import app


def main() -> None:
    """Run the command line; ends the process with its exit status."""
    app(prog_name="carrel")
