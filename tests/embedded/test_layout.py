"""A data directory's lock, logs and sockets' directory."""

import os
import stat
from pathlib import Path

import pytest

from carrel_site.embedded.identity import Identity
from carrel_site.embedded.layout import AlreadyRunning, DataDir
from carrel_site.embedded.secrets import (
    GENERATORS,
    SecretsExposed,
    ensure_secrets,
    read_secret,
)
from carrel_site.settings import MissingSecret, Settings, with_password


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    directory = DataDir(tmp_path / "data")
    directory.make()
    return directory


def test_the_lock_is_exclusive_names_its_holder_and_ends_with_the_block(data: DataDir) -> None:
    with data.lock():
        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"), data.lock():
            pass
        assert stat.S_IMODE((data.root / "lock").stat().st_mode) == 0o600
    with data.lock():
        pass


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    root = tmp_path / "theirs"
    root.mkdir()
    root.chmod(0o750)
    DataDir(root).make()
    assert stat.S_IMODE(root.stat().st_mode) == 0o750
    assert stat.S_IMODE(DataDir(root).logs.stat().st_mode) == 0o700


def test_large_logs_are_set_aside(data: DataDir) -> None:
    (data.logs / "api.log").write_bytes(b"x" * (17 * 2**20))
    (data.logs / "beat.log").write_text("short")
    data.rotate_logs()
    assert sorted(path.name for path in data.logs.iterdir()) == ["api.log.1", "beat.log"]


def test_a_stale_sockets_directory_goes_and_a_foreign_one_stays(
    data: DataDir, tmp_path: Path
) -> None:
    foreign = tmp_path / "precious"
    foreign.mkdir()
    data.write_site_file({"run_dir": str(foreign)})
    first = data.make_run_dir(Identity.myself())
    assert foreign.is_dir()
    (first / "left").touch()
    data.write_site_file({"run_dir": str(first)})
    second = data.make_run_dir(Identity.myself())
    assert not (second / "left").exists()


def test_secrets_are_made_once_and_are_private(data: DataDir) -> None:
    ensure_secrets(data.secrets)
    made = {name: read_secret(data.secrets, name) for name in GENERATORS}
    assert len(set(made.values())) == len(GENERATORS)
    for name in GENERATORS:
        assert stat.S_IMODE((data.secrets / name).stat().st_mode) == 0o600
    ensure_secrets(data.secrets)
    assert made == {name: read_secret(data.secrets, name) for name in GENERATORS}
    (data.secrets / "site_key").chmod(0o640)
    with pytest.raises(SecretsExposed, match="chmod 600"):
        ensure_secrets(data.secrets)


def test_settings_take_addresses_from_the_site_and_passwords_from_files(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("CARREL_")]:
        monkeypatch.delenv(name)
    ensure_secrets(data.secrets)
    data.write_site_file({"database_url": "postgresql+psycopg://carrel_app@/carrel?host=/run"})
    settings = Settings(data_dir=data.root)
    password = read_secret(data.secrets, "app_database_password")
    assert settings.database_url == (
        f"postgresql+psycopg://carrel_app:{password}@/carrel?host=/run"
    )
    assert password not in repr(settings)
    assert settings.site_key == bytes.fromhex(read_secret(data.secrets, "site_key"))
    monkeypatch.setenv("CARREL_DATABASE_URL", "postgresql+psycopg://u:p@db/carrel")
    assert Settings(data_dir=data.root).database_url == "postgresql+psycopg://u:p@db/carrel"


@pytest.mark.parametrize("content", ["", "zz", "00" * 31])
def test_without_a_whole_key_nothing_runs(data: DataDir, content: str) -> None:
    ensure_secrets(data.secrets)
    (data.secrets / "site_key").write_text(content)
    with pytest.raises(MissingSecret, match="site_key"):
        _ = Settings(data_dir=data.root).site_key


@pytest.mark.parametrize(
    ("url", "filled"),
    [
        ("postgresql+psycopg://u@h:5432/d", "postgresql+psycopg://u:p%2F%40@h:5432/d"),
        ("postgresql+psycopg://u@/d?host=/s", "postgresql+psycopg://u:p%2F%40@/d?host=/s"),
        ("postgresql+psycopg://u:own@h/d", "postgresql+psycopg://u:own@h/d"),
        ("postgresql+psycopg:///d", "postgresql+psycopg:///d"),
    ],
)
def test_a_password_is_filled_in_where_none_is(url: str, filled: str) -> None:
    assert with_password(url, "p/@") == filled
