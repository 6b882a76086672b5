"""Where the files that ship beside the code are, in a clone and in an installed wheel."""

from pathlib import Path

import carrel_site


class MigrationsNotFound(RuntimeError):
    """The installation is incomplete: no migrations in the wheel's layout nor in a clone's."""


def _beside(packaged: str, cloned: str, marker: str) -> Path | None:
    """A folder that holds `marker`: `packaged` inside the package, or `cloned` in a clone."""
    package = Path(carrel_site.__file__).resolve().parent
    for candidate in (package / packaged, package.parents[1] / cloned):
        if (candidate / marker).is_file():
            return candidate
    return None


def migrations_dir() -> Path:
    """Alembic's script location: `carrel_site/_migrations` in a wheel, `migrations` in a clone."""
    found = _beside("_migrations", "migrations", "env.py")
    if found is None:
        package = Path(carrel_site.__file__).resolve().parent
        raise MigrationsNotFound(
            f"no migrations beside {package}: this installation of carrel is incomplete; install "
            "it again with: pip install --force-reinstall 'carrel[site]'"
        )
    return found


def console_dir() -> Path | None:
    """The built console: `carrel_site/_console` in a wheel, `frontend/dist` in a clone, or None
    where a clone has not built it."""
    return _beside("_console", "frontend/dist", "index.html")
