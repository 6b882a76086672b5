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
from carrel_protocol.schema import TableSchema
from carrel_site.cli.app import app
from tests.factories import make_table
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite, served

PATH = "/datasets/visits/versions"
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


def test_an_interrupted_upload_goes_on(app_site: AppSite, url: str, file: Path) -> None:
    add(file, "--together", 5)
    body = {
        "format": "csv",
        "size": len(CSV),
        "sha256": hashlib.sha256(CSV.encode()).hexdigest(),
    }
    begun = app_site.call(app_site.owner, "POST", "/datasets/visits/uploads", json=body).json()
    app_site.call(
        app_site.owner,
        "PATCH",
        f"/uploads/{begun['id']}",
        content=CSV[:20],
        headers={"Upload-Offset": "0"},
    )
    done = carrel("dataset", "upload", file, "--dataset", "visits")
    assert done.exit_code == 0, done.output
    assert "Going on from byte 20" in done.output
    version = app_site.call(app_site.owner, "GET", f"/uploads/{begun['id']}").json()["version_id"]
    stored = app_site.site.storage.root / "uploads" / version
    assert stored.read_text() == CSV


def test_an_upload_may_begin_anew(app_site: AppSite, url: str, file: Path) -> None:
    add(file, "--together", 5)
    done = carrel("dataset", "upload", file, "--dataset", "visits", "--anew")
    assert "Going on" not in done.output
    assert app_site.call(app_site.owner, "GET", "/datasets/visits/uploads").json() == []
    assert len(app_site.call(app_site.owner, "GET", PATH).json()["items"]) == 2


def test_what_the_site_refuses_of_an_upload_is_said(
    app_site: AppSite, url: str, file: Path
) -> None:
    refused = carrel("dataset", "upload", file, "--dataset", "absent")
    assert refused.exit_code == 1
    assert "absent" in refused.output
    empty = file.with_name("empty.csv")
    empty.write_bytes(b"")
    assert "empty" in carrel("dataset", "upload", empty, "--dataset", "visits").output


PEOPLE = (
    "patient_id,age,Ward,is_smoker,odd name,spend\n"
    + "".join(
        f"{i},{20 + i % 60},{'abc'[i % 3]},{'yes' if i % 2 else 'no'},x,{i / 7:.2f}\n"
        for i in range(300)
    )
    + "999,93,rare,no,x,1\n"
)


def test_a_draft_comes_from_names_alone(tmp_path: Path) -> None:
    """Two files with the same header and other people have the same draft."""
    drafts = []
    for values in (PEOPLE, PEOPLE.splitlines()[0] + "\n1,2,z,no,y,9\n"):
        path = tmp_path / "people.csv"
        path.write_text(values)
        done = carrel("dataset", "propose", path)
        assert done.exit_code == 0, done.output
        drafts.append(done.stdout)
    assert drafts[0] == drafts[1]
    table = TableSchema.model_validate_json(drafts[0])
    assert table.unit_column == "patient_id"
    assert [c.name for c in table.columns] == ["age", "Ward", "is_smoker", "spend"]
    assert "odd name" in done.stderr
    assert "guesses" in done.stderr


def test_a_draft_from_values_asks_first_and_leaves_single_people_out(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    refused = CliRunner().invoke(
        app, ["dataset", "propose", str(path), "--from-values"], input="n\n"
    )
    assert refused.exit_code == 1
    assert "how old the oldest is" in refused.stderr
    assert "upper" not in refused.stdout
    done = carrel("dataset", "propose", path, "--from-values", "--yes")
    table = TableSchema.model_validate_json(done.stdout)
    age, ward, smoker, spend = table.columns
    assert (age.type, age.lower, age.upper) == ("integer", 20, 93)  # type: ignore[union-attr]
    assert ward.categories == ("a", "b", "c")  # type: ignore[union-attr]
    assert smoker.type == "boolean"
    assert (spend.lower, spend.upper) == ("0.00", "43.00")  # type: ignore[union-attr]
    assert (table.size.rows, table.size.units) == (300, 300)


@pytest.mark.parametrize("name", ["bad.csv", "bad.csv.gz", "bad.parquet"])
def test_a_file_that_cannot_be_drafted_from_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    done = carrel("dataset", "propose", path)
    assert done.exit_code == 1
    assert name in done.output
    assert "Traceback" not in done.output


def test_names_in_a_file_are_never_run(tmp_path: Path) -> None:
    path = tmp_path / "it's.csv"
    path.write_text('id,"a\'); DROP TABLE x; --",age\n1,2,3\n')
    done = carrel("dataset", "propose", path, "--from-values", "--yes")
    assert done.exit_code == 0, done.output
    assert [c.name for c in TableSchema.model_validate_json(done.stdout).columns] == ["age"]
