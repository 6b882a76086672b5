"""`carrel dataset`, `carrel user` and `carrel audit` against a served site."""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from carrel_protocol.jobs import IngestJob
from carrel_site.cli.app import app
from tests.factories import make_table
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite, served

CSV = "person,age,spend,female,region\n1,40,1.5,true,north\n"


@pytest.fixture
def url(app_site: AppSite, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A served site, named with its owner's key in the environment."""
    with served(app_site.app) as url:
        monkeypatch.setenv("CARREL_URL", url)
        monkeypatch.setenv("CARREL_API_KEY", app_site.owner.secret)
        yield url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "schema.json").write_text(make_table().model_dump_json())
    path = tmp_path / "visits.csv"
    path.write_text(CSV)
    return path


def carrel(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def add(file: Path, *options: object) -> Result:
    schema = file.with_name("schema.json")
    return carrel(
        *("dataset", "add", file, "--name", "visits", "--population", "people"),
        *("--schema", schema, *options),
    )


def ingest(app_site: AppSite, stopped: threading.Event) -> None:
    """Play the worker for whatever is uploaded, until told to stop."""
    worker = HandWorker.admitted(app_site)
    while not stopped.wait(0.05):
        versions = app_site.call(app_site.owner, "GET", "/datasets/visits/versions")
        for version in versions.json().get("items", ()):
            claimed = worker.try_claim(version["run_id"])
            if claimed.status_code != httpx.codes.OK:
                continue
            job = IngestJob.model_validate_json(claimed.content)
            (app_site.site.storage.root / job.target_path).write_bytes(b"x")
            done = {
                "kind": "ingest",
                "claim_token": job.claim_token,
                "epoch": job.epoch,
                "digest": hashlib.sha256(b"x").hexdigest(),
                "size": 1,
                "rows": 1,
                "units": 1,
                "units_digest": "1" * 64,
                "report": {},
            }
            worker.post(f"{job.run_id}/succeeded", done)


def test_a_table_is_added_with_its_population_and_waited_for(
    app_site: AppSite, url: str, file: Path
) -> None:
    stopped = threading.Event()
    worker = threading.Thread(target=ingest, args=(app_site, stopped))
    worker.start()
    try:
        added = add(file, "--together", 20, "--each", 5, "--auto-approve", 0.1, "--wait")
    finally:
        stopped.set()
        worker.join()
    assert added.exit_code == 0, added.output
    assert "visits answers: 1 rows of 1 units" in added.output
    dataset = app_site.call(app_site.owner, "GET", "/datasets/visits").json()
    assert dataset["policy"]["auto_approve_share"] == 0.1
    assert dataset["version_id"] is not None
    population = app_site.call(app_site.owner, "GET", "/populations/people").json()
    assert (population["together"]["epsilon"], population["each"]["epsilon"]) == (20, 5)
    listed = carrel("dataset", "list")
    assert "visits" in listed.output
    assert json.loads(carrel("dataset", "list", "--json").output)[0]["name"] == "visits"

    again = add(file)
    assert again.exit_code == 0, again.output
    assert "is registered" not in again.output
    versions = app_site.call(app_site.owner, "GET", "/datasets/visits/versions").json()["items"]
    assert len(versions) == 2

    granted = carrel("dataset", "grant", "visits", app_site.researcher.email)
    assert granted.exit_code == 0, granted.output
    assert app_site.call(app_site.researcher, "GET", "/datasets/visits").status_code == 200


def test_a_table_that_another_population_has_is_added_with_a_warning(
    app_site: AppSite, url: str, file: Path
) -> None:
    first = add(file, "--together", 20)
    assert "Warning" not in first.output
    schema = file.with_name("schema.json")
    second = carrel(
        *("dataset", "add", file, "--name", "stays", "--population", "strangers"),
        *("--together", 20, "--schema", schema),
    )
    assert second.exit_code == 0, second.output
    assert "Warning: the population people has a version with the same content" in second.output
    assert "--population people" in second.output


def test_what_does_not_fit_is_named(app_site: AppSite, url: str, file: Path) -> None:
    missing = add(file)
    assert missing.exit_code == 1
    assert "no population 'people'" in missing.output
    other = file.rename(file.with_name("visits.xlsx"))
    assert "upload a .csv" in add(other).output
    file.with_name("schema.json").write_text('{"unit_column": "1x"}')
    csv = other.rename(file)
    refused = add(csv)
    assert refused.exit_code == 1
    assert "schema.json: unit_column" in refused.output


def test_people_are_added_listed_and_given_keys(
    app_site: AppSite, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARREL_USER_PASSWORD", "a first password")
    added = carrel("user", "add", "Ada@Example.org", "--name", "Ada", "--role", "researcher")
    assert added.exit_code == 0, added.output
    assert "ada@example.org is a researcher now" in added.output
    assert "ada@example.org" in carrel("user", "list").output
    key = carrel("user", "key", "ada@example.org", "--scope", "read", "--days", 1)
    secret = key.stdout.strip()
    assert app_site.call(secret, "GET", "/me").json()["email"] == "ada@example.org"
    unknown = carrel("user", "key", "nobody@example.org")
    assert unknown.exit_code == 1
    assert "no nobody@example.org" in unknown.output


def test_the_log_is_exported_with_its_signed_end(
    app_site: AppSite, url: str, tmp_path: Path
) -> None:
    for _ in range(3):
        carrel("user", "key", app_site.researcher.email)
    path = tmp_path / "log.jsonl"
    assert carrel("audit", "export", path).exit_code == 0
    *events, last = [json.loads(line) for line in path.read_text().splitlines()]
    assert last["head"]["sequence"] == len(events) > 0
    assert carrel("audit", "export").stdout.splitlines()[:-1] == path.read_text().splitlines()[:-1]
    assert json.loads(carrel("audit", "head").output)["sequence"] == len(events)

    key = carrel("audit", "key").stdout.strip()
    checked = carrel("audit", "check", path, "--key", key)
    assert checked.exit_code == 0, checked.output
    assert f"Whole: {len(events)} events" in checked.output
    lines = path.read_text().splitlines(keepends=True)
    changed = json.dumps(events[0] | {"actor": "usr_x"}) + "\n"
    for damage, says in (
        ([changed, *lines[1:]], "line 1: event 1 does not follow event 0"),
        (lines[1:], "line 1: event 2 does not follow event 0"),
        (lines[:-1], "was cut off"),
        (lines[:-2] + lines[-1:], "not what stands above"),
        ([*lines, lines[0]], "something follows the signed end"),
        (["nonsense\n"], "line 1: no event"),
    ):
        path.write_text("".join(damage))
        refused = carrel("audit", "check", path, "--key", key)
        assert refused.exit_code == 1
        assert says in refused.output
    path.write_text("".join(lines))
    other = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # RFC 8032, 7.1
    assert "not signed by this key" in carrel("audit", "check", path, "--key", other).output
    assert "64 hex digits" in carrel("audit", "check", path, "--key", "xyz").output


def test_a_site_that_does_not_answer_and_a_key_that_is_not_there(
    app_site: AppSite, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARREL_API_KEY", "ck_nonsense")
    refused = carrel("user", "list")
    assert refused.exit_code == 1
    assert "unknown, expired or revoked" in refused.output
    monkeypatch.setenv("CARREL_URL", "http://127.0.0.1:9")
    assert "does not answer" in carrel("user", "list").output
    monkeypatch.delenv("CARREL_API_KEY")
    absent = carrel("user", "list", "--data-dir", tmp_path)
    assert absent.exit_code == 1
    assert "CARREL_API_KEY" in absent.output
    secrets = tmp_path / "secrets"
    secrets.mkdir(exist_ok=True)
    (secrets / "owner_key").write_text(app_site.owner.secret)
    monkeypatch.setenv("CARREL_URL", url)
    assert carrel("user", "list", "--data-dir", tmp_path).exit_code == 0
