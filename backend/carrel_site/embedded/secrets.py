"""The site's secrets: made once, at the first start, each in a file of mode 0600.

A secret that exists is never replaced: the site key binds every stored commitment, and the
signing key every audit head that has left the site.
"""

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class SecretsExposed(RuntimeError):
    """A secret's file may be read by others, or belongs to somebody else."""


def _signing_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _token() -> str:
    return secrets.token_urlsafe(32)


GENERATORS: dict[str, Callable[[], str]] = {
    "superuser_database_password": _token,
    "owner_database_password": _token,
    "app_database_password": _token,
    "site_key": lambda: secrets.token_hex(32),
    "audit_signing_key.pem": _signing_key,
    "setup_token": _token,
    "worker_token": lambda: f"cw_{_token()}",
    "code_worker_token": lambda: f"cw_{_token()}",
    "mock_worker_token": lambda: f"cw_{_token()}",
}


def ensure_secrets(directory: Path, names: Iterable[str] = tuple(GENERATORS)) -> None:
    """Create `directory` (0700) and each of the secrets `names` that is missing (0600).

    Raises SecretsExposed when an existing file is not ours alone.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        path = directory / name
        try:
            status = path.stat()
        except FileNotFoundError:
            write_secret(path, GENERATORS[name]())
            continue
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise SecretsExposed(
                f"{path} must be readable by its owner alone; if nobody else has read it, run: "
                f"chmod 600 {path}"
            )


def write_secret(path: Path, text: str) -> None:
    """Write a new file of mode 0600 in one step: it exists whole, or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def read_secret(directory: Path, name: str) -> str:
    return (directory / name).read_text().strip()
