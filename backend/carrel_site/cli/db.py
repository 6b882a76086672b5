"""`carrel db`: the roles and the schema."""

import typer

from carrel_site.cli.bootstrap import bootstrap_command
from carrel_site.core.paths import migrations_dir
from carrel_site.settings import get_settings

app = typer.Typer(help="The database: its roles and its schema.", no_args_is_help=True)
app.command("bootstrap")(bootstrap_command)


def upgrade(owner_url: str, revision: str = "head") -> None:
    """Apply the migrations up to `revision`, as carrel_owner. Applying them again changes nothing.

    Each runs in PostgreSQL's transactional DDL: it takes effect whole, or not at all.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    config.attributes["url"] = owner_url
    command.upgrade(config, revision)


@app.command("upgrade")
def upgrade_command(
    revision: str = typer.Argument("head", help="The revision to stop at."),
) -> None:
    """Bring the schema up to date, with CARREL_OWNER_DATABASE_URL (role carrel_owner)."""
    url = get_settings().owner_database_url
    if not url:
        typer.echo(
            "Set CARREL_OWNER_DATABASE_URL to the database's URL as carrel_owner, for instance "
            "postgresql+psycopg://carrel_owner@db/carrel; its password may lie in the file "
            "owner_database_password of CARREL_SECRETS_DIR. `carrel db bootstrap` makes both.",
            err=True,
        )
        raise typer.Exit(2)
    upgrade(url, revision)
    typer.echo("The schema is up to date.")
