"""A site's settings: environment variables CARREL_*, and secrets in files of mode 0600.

Passwords need not stand in the environment: a database URL without one takes it from
`secrets_dir/app_database_password` (or `owner_database_password`). What is not set is taken from
the site that `carrel up` runs in `data_dir`, if it runs one.
"""

import json
from email.utils import parseaddr
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from carrel_protocol.sensitivity import MAX_ANSWER_BYTES

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class MissingSecret(RuntimeError):
    """A secret that the site cannot run without is not there, or its file cannot be read."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="CARREL_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    database_url: str = Field(
        default="postgresql+psycopg://carrel_app@localhost/carrel", repr=False
    )
    """As carrel_app: owns nothing and cannot alter what it may only append to."""
    owner_database_url: str | None = Field(default=None, repr=False)
    """As carrel_owner: migrations only."""
    broker_url: str = Field(default="redis://localhost:6379/0", repr=False)
    """In kombu's form; a unix socket is `redis+socket:///path?virtual_host=0`."""
    site_name: str = Field(default="Carrel", min_length=1, max_length=100)
    """What the site is called where people see it, before they sign in too."""
    site_url: str = "http://127.0.0.1:8750"
    """Where people and commands find the site."""
    host: str = "127.0.0.1"
    """The address that `carrel serve` listens on."""
    port: int = Field(default=8750, ge=0, le=65535)
    """And its port."""

    data_dir: Path = Path("carrel-data")
    """Where everything lies that is not set by itself."""
    storage_dir: Path = Path()
    """Uploaded and laid-out tables; `data_dir/storage` unless set."""
    secrets_dir: Path = Path()
    """`data_dir/secrets` unless set; its files are 0600."""
    anchors_file: Path = Path()
    """Signed audit heads, one JSON object a line, outside the database; only ever appended to."""

    spend_journal_file: Path = Path()
    """What accounts have spent, one signed JSON object a line, outside the database; likewise."""

    session_idle_hours: float = Field(default=12.0, gt=0)
    """A console session that is not used for so long ends."""
    session_hours: float = Field(default=168.0, gt=0)
    """A console session ends after so long, however much it is used."""
    worker_lease_seconds: float = Field(default=30.0, gt=0)
    """A claimed run whose worker is silent for longer goes back to the queue."""
    upload_max_bytes: int = Field(default=5 * 2**30, gt=0)
    """Of one upload."""
    upload_max_concurrent: int = Field(default=2, gt=0)
    """Uploads that one API process takes at a time."""
    upload_max_open: int = Field(default=50, gt=0)
    """Unfinished uploads that the site keeps at once."""
    upload_expires_hours: float = Field(default=72.0, gt=0)
    """An unfinished upload is removed when no piece came for so long."""
    upload_expanded_max_bytes: int = Field(default=50 * 2**30, gt=0)
    """What an uploaded file may hold once it is decompressed."""
    disk_reserve_bytes: int = Field(default=256 * 2**20, ge=0)
    """Kept free on the storage's disk: an upload that would use it up is refused."""
    mock_runs_at_once: int = Field(default=3, gt=0)
    """Runs on made-up rows of one person that have not ended."""
    mock_runs_an_hour: int = Field(default=120, gt=0)
    """And those that one person may start within an hour."""
    black_box_exclusive: bool = False
    """Whether the workers of black boxes run where nothing else does that a researcher could watch:
    on a machine of their own, one run at a time, and serve no other queue: others are given none.
    Unless they do, people approve each black box."""
    request_max_bytes: int = Field(default=2**20, gt=0)
    """Of a JSON body; uploads and workers' results have caps of their own."""
    result_max_bytes: int = Field(default=32 * 2**20, ge=2 * MAX_ANSWER_BYTES)
    """Of a run's result, as its worker sends it."""
    api_threads: int = Field(default=6, gt=0)
    """Requests that one API process works on at once; the others wait their turn, which is quicker
    for all than many threads that hold row locks while they wait for the interpreter."""
    database_pool_size: int = Field(default=10, gt=0)
    """Connections that one process keeps; it may open as many again for a moment."""
    smtp_url: str | None = Field(default=None, repr=False)
    """`smtp://user@host:port?starttls=1`, or `smtps://…` where TLS comes first."""
    smtp_from: str | None = None
    """Whom the site's e-mails come from: `carrel@example.org`, or `Carrel <carrel@example.org>`."""
    log_level: str = "INFO"
    """The least severe level that is logged."""

    @model_validator(mode="before")
    @classmethod
    def _locate(cls, values: dict[str, object]) -> dict[str, object]:
        """Paths that were not set lie below the data directory; URLs get their password."""
        data = Path(str(values.get("data_dir", "carrel-data"))).absolute()
        values["data_dir"] = data
        for field, value in _embedded(data).items():
            values.setdefault(field, value)
        values.setdefault("storage_dir", data / "storage")
        values.setdefault("secrets_dir", data / "secrets")
        values.setdefault("anchors_file", data / "anchors.jsonl")
        values.setdefault("spend_journal_file", data / "spends.jsonl")
        secrets = Path(str(values["secrets_dir"]))
        for field, name in (
            ("database_url", "app_database_password"),
            ("owner_database_url", "owner_database_password"),
            ("smtp_url", "smtp_password"),
        ):
            url = values.get(field)
            if url and (secrets / name).is_file():
                values[field] = with_password(str(url), _read(secrets / name))
        return values

    @model_validator(mode="after")
    def _check_smtp(self) -> "Settings":
        """Both e-mail settings or neither, and a password over TLS alone."""
        if (self.smtp_url is None) != (self.smtp_from is None):
            raise ValueError("set both CARREL_SMTP_URL and CARREL_SMTP_FROM, or neither")
        if self.smtp_url is not None:
            url = urlsplit(self.smtp_url)
            if url.scheme not in ("smtp", "smtps") or not url.hostname:
                raise ValueError("CARREL_SMTP_URL is smtp://host:port or smtps://host:port")
            tls = url.scheme == "smtps" or parse_qs(url.query).get("starttls", ["0"])[-1] != "0"
            if url.username and not tls and url.hostname not in _LOOPBACK:
                raise ValueError(
                    "CARREL_SMTP_URL would send its password in the clear: add ?starttls=1"
                )
            if "@" not in parseaddr(str(self.smtp_from))[1]:
                raise ValueError("CARREL_SMTP_FROM is an e-mail address, with or without a name")
        return self

    @property
    def site_key_file(self) -> Path:
        """32 bytes in hex: the HMAC key of data commitments and of hashed credentials."""
        return self.secrets_dir / "site_key"

    @property
    def audit_signing_key_file(self) -> Path:
        """Ed25519 private key in PEM (PKCS #8): signs audit heads."""
        return self.secrets_dir / "audit_signing_key.pem"

    @property
    def setup_token_file(self) -> Path:
        """Whoever reads it may create the first owner, once."""
        return self.secrets_dir / "setup_token"

    @cached_property
    def site_key(self) -> bytes:
        """The 32 bytes of `site_key_file`. Raises MissingSecret: without a key nothing runs."""
        try:
            key = bytes.fromhex(_read(self.site_key_file))
        except ValueError as error:
            raise MissingSecret(f"{self.site_key_file} does not hold 64 hex digits") from error
        if len(key) != 32:
            raise MissingSecret(f"{self.site_key_file} holds {len(key)} bytes; it must hold 32")
        return key


def _embedded(data: Path) -> dict[str, object]:
    """Where the services of `carrel up` in `data` are, from the file it writes; else nothing."""
    try:
        written = json.loads((data / "site.json").read_text())
    except (OSError, ValueError):
        return {}
    names = ("site_url", "database_url", "owner_database_url", "broker_url")
    return {name: written[name] for name in names if name in written}


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise MissingSecret(f"cannot read {path}: {error.strerror}") from error


def with_password(url: str, password: str) -> str:
    """`url` with `password` filled in where its user part names none."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or ":" in user:
        return url
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
