"""What the site's own programs are given from the environment that `carrel up` is started in."""

from pathlib import Path

import pytest

from carrel_site.embedded.programs import api_program, site_program, worker_program


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CARREL_SMTP_URL": "smtp://me:pw@mail:587?starttls=1",
        "CARREL_SMTP_FROM": "carrel@example.org",
        "CARREL_SITE_URL": "https://carrel.example.org",
        "CARREL_DATABASE_URL": "postgresql://elsewhere/x",
        "CARREL_OWNER_DATABASE_URL": "postgresql://elsewhere/x",
        "CARREL_BROKER_URL": "redis://elsewhere",
        "CARREL_SECRETS_DIR": "/elsewhere",
        "CARREL_API_KEY": "ck_somebody",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
def test_settings_reach_the_site_unless_they_say_where_it_is(tmp_path: Path) -> None:
    programs = (
        api_program("api", tmp_path, tmp_path, 3),
        site_program("beat", "module", data_dir=tmp_path, logs=tmp_path),
    )
    for program in programs:
        given = {name for name in program.environment if name.startswith(("CARREL", "AWS"))}
        assert given == {
            "CARREL_DATA_DIR",
            "CARREL_SMTP_URL",
            "CARREL_SMTP_FROM",
            "CARREL_SITE_URL",
        }


@pytest.mark.usefixtures("environment")
def test_a_worker_gets_none_of_them(tmp_path: Path) -> None:
    program = worker_program(
        "worker",
        "query",
        1,
        site_url="http://127.0.0.1:1",
        token_file=tmp_path / "token",
        broker_url="redis://broker",
        storage=tmp_path,
        logs=tmp_path,
    )
    assert not any("elsewhere" in value for value in program.environment.values())
    assert not [name for name in program.environment if "SMTP" in name or "KEY" in name]
