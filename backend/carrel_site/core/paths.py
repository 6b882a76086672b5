"""Where the files that ship beside the code are, in a clone and in an installed wheel."""

from pathlib import Path

import carrel_site


class MigrationsNotFound(RuntimeError):
    """The installation is incomplete: no migrations in the wheel's layout nor in a clone's."""


def migrations_dir() -> Path:
    """Alembic's script location: `carrel_site/_migrations` in a wheel, `migrations` in a clone."""
    package = Path(carrel_site.__file__).resolve().parent
    for candidate in (package / "_migrations", package.parents[1] / "migrations"):
        if (candidate / "env.py").is_file():
            return candidate
    raise MigrationsNotFound(
        f"no migrations beside {package}: this installation of carrel is incomplete; install it "
        "again with: pip install --force-reinstall 'carrel[site]'"
    )
