"""What `carrel up` hands on of its environment to the programs that it starts."""

from pathlib import Path

import pytest

from carrel_site.embedded.programs import (
    CODE_QUEUES,
    MOCK_QUEUES,
    WORKER_QUEUES,
    api_program,
    worker_program,
)
from carrel_worker.settings import WorkerSettings
from carrel_worker.tasks import QUEUES


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CARREL_UPLOAD_MAX_BYTES": "7",
        "CARREL_SMTP_URL": "smtp://me:pw@mail:587?starttls=1",
        "CARREL_SITE_URL": "https://carrel.example.org",
        "CARREL_DATABASE_URL": "postgresql://elsewhere",
        "CARREL_STORAGE_DIR": "/elsewhere",
        "CARREL_DATA_DIR": "/elsewhere",
        "CARREL_API_KEY": "ck_secret",
        "CARREL_WORKER_INGEST_MEMORY_BYTES": "70000000",
        "CARREL_WORKER_STORAGE_DIR": "/elsewhere",
        "SOMETHING_ELSE": "x",
    }.items():
        monkeypatch.setenv(name, value)


def test_the_api_gets_the_settings_but_not_where_things_are(tmp_path: Path) -> None:
    got = api_program("api-1", tmp_path, tmp_path, 3).environment
    assert got["CARREL_UPLOAD_MAX_BYTES"] == "7"
    assert got["CARREL_DATA_DIR"] == str(tmp_path)
    assert {name for name in got if name.startswith("CARREL_")} == {
        "CARREL_UPLOAD_MAX_BYTES",
        "CARREL_SMTP_URL",
        "CARREL_SITE_URL",
        "CARREL_DATA_DIR",
    }
    assert "SOMETHING_ELSE" not in got


def test_the_worker_gets_none_of_the_sites_settings(tmp_path: Path) -> None:
    got = worker_program(
        "worker",
        "query",
        1,
        site_url="http://127.0.0.1:1",
        token_file=tmp_path / "token",
        broker_url="redis://",
        storage=tmp_path,
        logs=tmp_path,
    ).environment
    assert got["CARREL_WORKER_INGEST_MEMORY_BYTES"] == "70000000"
    assert got["CARREL_WORKER_STORAGE_DIR"] == str(tmp_path)
    assert all(n.startswith("CARREL_WORKER_") for n in got if n.startswith("CARREL_"))


def test_a_worker_of_made_up_rows_is_given_no_storage(tmp_path: Path) -> None:
    program = worker_program(
        "mock-worker",
        "mock",
        1,
        site_url="http://127.0.0.1:1",
        token_file=tmp_path / "token",
        broker_url="redis://",
        storage=None,
        environments=tmp_path / "environments",
        logs=tmp_path,
    )
    assert program.environment["CARREL_WORKER_STORAGE_DIR"] == ""
    assert program.cwd == tmp_path
    assert WorkerSettings(storage_dir="").storage_dir is None


def test_each_queue_has_one_worker_and_questions_share_theirs_with_no_program() -> None:
    queues = [*MOCK_QUEUES, *CODE_QUEUES, *WORKER_QUEUES]
    assert sorted(queues) == sorted(QUEUES)
    assert {"code", "black_box"}.isdisjoint(WORKER_QUEUES)
