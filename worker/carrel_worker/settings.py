"""A worker's settings: environment variables CARREL_WORKER_*. It knows no database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class MissingCredential(RuntimeError):
    """The worker's credential file is not there, cannot be read, or is empty."""


class SiteSecretsPresent(RuntimeError):
    """The environment holds what only the site may hold, so the worker does not start."""


class WorkerSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="CARREL_WORKER_", extra="ignore", frozen=True)

    site_url: str = "http://127.0.0.1:8750"
    token_file: Path = Path("worker-token")
    """Holds the credential (`cw_…`) and nothing else; the variable itself holds no secret."""
    broker_url: str = Field(default="redis://localhost:6379/0", repr=False)
    """In kombu's form; a unix socket is `redis+socket:///path?virtual_host=0`."""
    storage_dir: Path | None = Path("carrel-data/storage")
    """The root below which every granted path lies; empty for a worker that is given no data."""
    environments_dir: Path = Path("carrel-data/environments")
    """Below it lie the environments that `carrel environment build` made."""
    sandbox_minimum_tier: Literal["none", "landlock", "bubblewrap"] = "bubblewrap"
    """Code is not run where the machine offers less: none, landlock or bubblewrap."""
    sandbox_gpu: int | None = Field(default=None, ge=0, le=63)
    """The number of the GPU (/dev/nvidiaN) that approved code is given; empty for none."""
    ingest_memory_bytes: int = Field(default=2 * 2**30, ge=64 * 2**20)
    """Address space of the child that parses an upload."""
    result_patience_seconds: float = Field(default=120.0, gt=0)
    """How long a result is offered to a site that cannot be reached, before it is dropped."""
    log_level: str = "INFO"

    @field_validator("storage_dir", "sandbox_gpu", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("log_level")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()

    @property
    def token(self) -> str:
        """The credential. Raises MissingCredential: a worker without one has nothing to do."""
        try:
            token = self.token_file.read_text().strip()
        except OSError as error:
            raise MissingCredential(
                f"cannot read {self.token_file}: {error.strerror}; "
                "set CARREL_WORKER_TOKEN_FILE to the file that holds the worker's credential"
            ) from error
        if not token:
            raise MissingCredential(f"{self.token_file} is empty")
        return token


_SITE_ONLY = ("CARREL_DATABASE_URL", "CARREL_OWNER_DATABASE_URL", "DATABASE_URL", "PGPASSWORD")


def refuse_site_secrets(environment: Mapping[str, str]) -> None:
    """Raise SiteSecretsPresent if a database credential is within the worker's reach.

    Removing the variable here would not do: what a process was started with stays readable in
    /proc for as long as it lives.
    """
    present = [name for name in _SITE_ONLY if name in environment]
    if present:
        raise SiteSecretsPresent(
            f"a worker must not know the site's database; start it without {', '.join(present)}"
        )
