"""Environments: built from wheels by their hashes, found by their lock, refused when changed."""

import base64
import csv
import hashlib
import io
import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from carrel_worker import environments
from carrel_worker.environment_build import BuildFailed, build
from carrel_worker.environments import (
    EnvironmentChanged,
    EnvironmentDamaged,
    EnvironmentMissing,
    default,
    described,
    every,
    find,
    lock_hash,
)
from tests.worker.packages import root


def wheel(directory: Path, name: str, version: str, text: str, requires: str = "") -> None:
    """A wheel of one module, in a directory that pip can take for an index."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    if requires:
        metadata += f"Requires-Dist: {requires}\n"
    files = {
        f"{name}/__init__.py": text,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=")
        rows.writerow([path, f"sha256={digest.decode()}", len(content)])
    rows.writerow([f"{info}/RECORD", "", ""])
    place = directory / name
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, content in (files | {f"{info}/RECORD": record.getvalue()}).items():
            archive.writestr(path, content)
    _list(place)


def _list(place: Path) -> None:
    """The index page of one package (PEP 503)."""
    links = [
        f'<a href="{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">x</a>'
        for path in sorted(place.iterdir())
        if path.suffix in (".whl", ".gz")
    ]
    (place / "index.html").write_text("<!DOCTYPE html>" + "".join(links))


@pytest.fixture
def index(tmp_path: Path) -> str:
    wheel(tmp_path / "index", "greeting", "1.0", "WORD = 'hello'\n", "farewell>=2")
    wheel(tmp_path / "index", "farewell", "2.1", "WORD = 'bye'\n")
    return (tmp_path / "index").as_uri()


def test_the_default_is_what_this_process_runs_in() -> None:
    found = described().built
    assert f"python=={platform.python_version()}" in found.locked
    assert any(each.startswith("pandas==") for each in found.locked)
    assert {"numpy", "pandas", "dateutil"} <= set(found.imports)
    assert not {"carrel_worker", "duckdb", "celery"} & set(found.imports)
    assert found.packages[:3] == ("numpy", "pandas", "pillow")
    assert find("default", found.lock_hash, root()) == default(root())
    with pytest.raises(EnvironmentChanged, match="ask anew"):
        find("default", "0" * 64, Path("/nowhere"))


def test_a_lock_does_not_depend_on_order() -> None:
    assert lock_hash(["a==1", "b==2"]) == lock_hash(["b==2", "a==1"])
    assert lock_hash(["a==1", "b==2"]) != lock_hash(["a==1", "b==3"])


def test_built_found_and_built_again(tmp_path: Path, index: str) -> None:
    root = tmp_path / "environments"
    lock = build("small", root, ["greeting"], index=index)
    assert [each["name"] for each in lock["wheels"]] == ["farewell", "greeting"]
    _, small = every(root)
    assert small.built.name == "small"
    assert small.built.packages == ("greeting",)
    assert small.built.locked == (
        "farewell==2.1",
        "greeting==1.0",
        f"python=={platform.python_version()}",
    )
    assert small.built.imports == ("farewell", "greeting")
    found = find("small", lock["lock_hash"], root)
    (packages,) = found.directory.packages
    code = f"import sys; sys.path.append({str(packages)!r}); import greeting; print(greeting.WORD)"
    assert subprocess.check_output([sys.executable, "-I", "-B", "-c", code]) == b"hello\n"
    again = build("small", root, ["greeting"], index=index)
    assert again["lock_hash"] == lock["lock_hash"]
    assert every(root)[1].built.built_at > small.built.built_at
    assert sorted(path.name for path in root.iterdir()) == ["small"]


def test_the_last_one_built_is_the_one_of_its_name(tmp_path: Path, index: str) -> None:
    root = tmp_path / "environments"
    first = build("small", root, ["farewell"], index=index)
    wheel(tmp_path / "index", "farewell", "2.2", "WORD = 'ciao'\n")
    second = build("small", root, ["farewell"], index=index)
    assert first["lock_hash"] != second["lock_hash"]
    assert every(root)[1].built.lock_hash == second["lock_hash"]
    # What was approved for the first goes on running in the first.
    assert find("small", first["lock_hash"], root).built.locked[0] == "farewell==2.1"


def test_the_same_version_of_other_bytes_is_another_lock(tmp_path: Path, index: str) -> None:
    root = tmp_path / "environments"
    first = build("small", root, ["farewell"], index=index)
    wheel(tmp_path / "index", "farewell", "2.1", "WORD = 'something else'\n")
    assert build("small", root, ["farewell"], index=index)["lock_hash"] != first["lock_hash"]


def test_changed_files_are_found_out(tmp_path: Path, index: str) -> None:
    root = tmp_path / "environments"
    lock = build("small", root, ["farewell"], index=index)
    packages = root / "small" / lock["lock_hash"] / "packages"
    (packages / "farewell" / "__init__.py").write_text("WORD = 'gotcha'\n")
    environments._checked.clear()
    with pytest.raises(EnvironmentDamaged):
        find("small", lock["lock_hash"], root)
    # And building it once more puts it right.
    build("small", root, ["farewell"], index=index)
    environments._checked.clear()
    find("small", lock["lock_hash"], root)


def test_a_file_that_was_slipped_in_is_found_out(tmp_path: Path, index: str) -> None:
    root = tmp_path / "environments"
    lock = build("small", root, ["farewell"], index=index)
    (root / "small" / lock["lock_hash"] / "packages" / "numpy.py").symlink_to("/etc/passwd")
    environments._checked.clear()
    with pytest.raises(EnvironmentDamaged):
        find("small", lock["lock_hash"], root)


def test_a_lock_that_was_rewritten_names_nothing(tmp_path: Path, index: str) -> None:
    root = tmp_path / "environments"
    lock = build("small", root, ["farewell"], index=index)
    path = root / "small" / lock["lock_hash"] / "lock.json"
    told = json.loads(path.read_text())
    told["wheels"][0]["version"] = "9.9"
    path.write_text(json.dumps(told))
    assert [each.built.name for each in every(root)] == ["default"]
    with pytest.raises(EnvironmentMissing):
        find("small", lock["lock_hash"], root)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("../small", "0" * 64), ("small", "../../etc"), ("small", "0" * 64), ("Small", "0" * 64)],
)
def test_names_and_locks_stay_below_the_root(tmp_path: Path, name: str, wanted: str) -> None:
    with pytest.raises(EnvironmentMissing):
        find(name, wanted, tmp_path)


def test_what_is_no_environment_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / ("0" * 64)).mkdir()
    (tmp_path / "small" / ("0" * 64) / "lock.json").write_text("[")
    (tmp_path / ".building-x").mkdir()
    (tmp_path / "file").touch()
    assert [each.built.name for each in every(tmp_path)] == ["default"]
    assert [each.built.name for each in every(tmp_path / "nothing")] == ["default"]


@pytest.mark.parametrize(
    ("name", "packages", "words"),
    [
        ("default", ["farewell"], "cannot name"),
        ("../x", ["farewell"], "cannot name"),
        ("small", [], "name the packages"),
        ("small", ["--index-url=http://evil"], "is no package"),
        ("small", ["nothing-of-that-name"], "pip did not find"),
    ],
)
def test_what_is_not_built_leaves_nothing(
    tmp_path: Path, index: str, name: str, packages: list[str], words: str
) -> None:
    root = tmp_path / "environments"
    with pytest.raises(BuildFailed, match=words):
        build(name, root, packages, index=index)
    assert not root.exists() or [p for p in root.rglob("*") if p.is_file()] == []


def test_a_source_distribution_is_not_built(tmp_path: Path, index: str) -> None:
    place = tmp_path / "index" / "evil"
    place.mkdir()
    (place / "evil-1.0.tar.gz").write_bytes(b"")
    _list(place)
    with pytest.raises(BuildFailed, match="as wheels"):
        build("small", tmp_path / "environments", ["evil"], index=index)


def test_a_file_of_requirements(tmp_path: Path, index: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("# what we use\ngreeting  # says hello\n\n")
    lock = build("small", tmp_path / "environments", [], requirements=path, index=index)
    assert lock["packages"] == ["greeting"]
    path.write_text("greeting\n--extra-index-url http://evil\n")
    with pytest.raises(BuildFailed, match="--extra-index-url"):
        build("small", tmp_path / "environments", [], requirements=path, index=index)


def test_the_command_builds_and_says_what(tmp_path: Path, index: str) -> None:
    command = [sys.executable, "-P", "-m", "carrel_site.cli", "environment", "build", "small"]
    command += ["--packages", "greeting", "--index", index, "--data-dir", str(tmp_path / "site")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "greeting==1.0" in said
    (_, small) = every(tmp_path / "site" / "environments")
    assert small.built.lock_hash in said
    command[-3] = "file:///nowhere"
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert "Traceback" not in failed.stderr
