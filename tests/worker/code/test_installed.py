"""What is shown of installed packages: what their RECORD covers, unchanged, and nothing else."""

import base64
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from carrel_worker import environments, installed
from carrel_worker.environments import EnvironmentMissing, lock_hash
from carrel_worker.installed import Listed, NotCovered, listed, shown
from carrel_worker.trees import tree_digest

FILES = {"tool/__init__.py": "WORD = 'one'\n", "tool/deep/data.txt": "rows", "alone.py": "N = 1\n"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return install(tmp_path / "site", FILES)


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    held: dict[str, tuple[Path, int]] = {}
    monkeypatch.setattr(installed, "_held", held)
    yield
    for _, descriptor in held.values():
        os.close(descriptor)


def install(site: Path, files: dict[str, str], more: str = "") -> Path:
    info = site / "tool-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    files = files | {f"{info.name}/METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n"}
    record = more + f"{info.name}/RECORD,,\n{info.name}/INSTALLER,sha256=abc,3\n"
    for name, text in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o644)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{name},sha256={digest.decode()},{len(text)}\n"
    (info / "RECORD").write_text(record)
    return site


def found(site: Path) -> Listed:
    return listed(metadata.Distribution.at(site / "tool-1.0.dist-info"), "tool")


def lock(tool: Listed) -> str:
    return lock_hash([tool.digest])


def show(site: Path, *places: Path) -> Path:
    tool = found(site)
    return shown([tool], lock(tool), places)


def names(packages: Path) -> set[str]:
    every = (path for path in packages.rglob("*") if path.is_file())
    return {str(path.relative_to(packages)) for path in every if path.suffix != ".pyc"}


def test_it_shows_what_the_record_covers_and_no_more(site: Path, tmp_path: Path) -> None:
    for name in ("other.py", "tool/slipped_in.py", "tool/deep/more.txt", "evil.pth"):
        (site / name).write_text("raise SystemExit")
    cache = site / "tool" / "__pycache__"
    cache.mkdir()
    (cache / f"__init__.{sys.implementation.cache_tag}.pyc").write_bytes(b"evil")
    packages = show(site, tmp_path / "made")
    assert names(packages) == {*FILES, "tool-1.0.dist-info/METADATA"}
    code = f"import sys; sys.path.append({str(packages)!r}); import tool; print(tool.WORD)"
    assert subprocess.check_output([sys.executable, "-I", "-S", "-B", "-c", code]) == b"one\n"
    # Compiled anew: what lay in the cache is nowhere.
    assert all(b"evil" not in path.read_bytes() for path in packages.rglob("*.pyc"))
    assert list(packages.rglob("__init__.*.pyc"))


def test_what_lies_outside_or_has_no_hash_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    told = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(b"secret").digest()).decode()[:-1]
    more = "".join(
        f"{name},{how},6\n"
        for name, how in (
            *(("../secret", told), (f"{tmp_path}/secret", told), ("tool/../../secret", told)),
            *(("tool/unhashed.py", ""), ("tool/weak.py", "md5=abc"), ("tool/x.pyc", told)),
        )
    )
    site = install(tmp_path / "site", FILES, more)
    assert set(found(site).files) == {*FILES, "tool-1.0.dist-info/METADATA"}


@pytest.mark.parametrize("change", ["changed", "gone", "directory"])
def test_a_file_that_is_not_what_was_installed_is_refused(
    site: Path, tmp_path: Path, change: str
) -> None:
    path = site / "tool" / "deep" / "data.txt"
    if change == "changed":
        path.write_text("rowz")
    else:
        path.unlink()
    if change == "directory":
        path.mkdir()
    with pytest.raises((NotCovered, OSError)):
        show(site, tmp_path / "made")
    assert list((tmp_path / "made").iterdir()) == []
    assert installed._held == {}


def test_other_files_are_another_lock(site: Path) -> None:
    before = found(site)
    same = install(site.parent / "elsewhere", FILES)
    (same / "tool-1.0.dist-info" / "RECORD").open("a").write("../../bin/tool,sha256=x,1\n")
    assert found(same).digest == before.digest
    for changed in (FILES | {"alone.py": "N = 2\n"}, FILES | {"new.py": ""}):
        assert found(install(site.parent / "changed", changed)).digest != before.digest


def test_what_has_no_record_or_lies_elsewhere_is_refused(site: Path) -> None:
    info = site / "tool-1.0.dist-info"
    (info / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    with pytest.raises(NotCovered, match="editable"):
        found(site)
    (info / "direct_url.json").write_text('{"url": "file:///x.whl", "archive_info": {}}')
    found(site)
    (info / "RECORD").unlink()
    with pytest.raises(NotCovered, match="RECORD"):
        found(site)


def test_links_are_followed_and_closed_files_opened(site: Path, tmp_path: Path) -> None:
    real = tmp_path / "cache"
    (site / "alone.py").rename(real)
    (site / "alone.py").symlink_to(real)
    (site / "tool" / "__init__.py").chmod(0o600)
    (site / "tool" / "deep" / "data.txt").chmod(0o666)
    packages = show(site, tmp_path / "made")
    assert (packages / "alone.py").read_text() == FILES["alone.py"]
    for path in packages.rglob("*"):
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o066 == 0o044
    # What anybody may write to is not shared but copied.
    (site / "tool" / "deep" / "data.txt").write_text("rowz")
    assert (packages / "tool" / "deep" / "data.txt").read_text() == "rows"


def test_an_upgrade_changes_nothing_for_who_uses_it(site: Path, tmp_path: Path) -> None:
    before = show(site, tmp_path / "made")
    digest = tree_digest(before)
    install(site, FILES | {"tool/__init__.py": "WORD = 'two'\n"})
    after = show(site, tmp_path / "made")
    assert before != after
    assert tree_digest(before) == digest
    assert (after / "tool" / "__init__.py").read_text() == "WORD = 'two'\n"


def test_what_nobody_holds_is_removed_and_what_somebody_holds_stays(
    site: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    before = show(site, made).parent
    (made / ".building-killed").mkdir()
    (made / "somebodys").mkdir()
    install(site, FILES | {"alone.py": "N = 2\n"})
    _, descriptor = installed._held.pop(before.name)
    second = show(site, made).parent
    assert {path.name for path in made.iterdir()} == {before.name, second.name, "somebodys"}
    os.close(descriptor)
    install(site, FILES | {"alone.py": "N = 3\n"})
    third = show(site, made).parent
    assert {path.name for path in made.iterdir()} == {second.name, third.name, "somebodys"}


def test_one_that_is_damaged_is_made_anew(site: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    packages = show(site, made)
    for damage in ("slipped in", "changed", "no lock"):
        (descriptor,) = [fd for _, fd in installed._held.values()]
        os.close(descriptor)
        installed._held.clear()
        if damage == "slipped in":
            (packages / "duckdb.py").write_text("")
        elif damage == "changed":
            (packages / "alone.py").unlink()
            (packages / "alone.py").write_text("N = 7\n")
        else:
            (packages.parent / "lock.json").unlink()
        assert show(site, made) == packages
        assert names(packages) == {*FILES, "tool-1.0.dist-info/METADATA"}
        assert (packages / "alone.py").read_text() == FILES["alone.py"]
    assert [path.name for path in made.iterdir()] == [packages.parent.name]


def test_one_that_is_being_removed_is_not_taken(site: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    packages = show(site, made)
    os.close(installed._held.popitem()[1][1])
    remover = os.open(packages.parent, os.O_RDONLY)
    fcntl.flock(remover, fcntl.LOCK_EX)
    assert show(site, made, tmp_path / "next").is_relative_to(tmp_path / "next")
    os.close(remover)


def test_many_at_once_make_one(site: Path, tmp_path: Path) -> None:
    tool = found(site)
    made: list[Path] = []
    threads = [
        threading.Thread(target=lambda: made.append(shown([tool], lock(tool), [tmp_path / "m"])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.worker.code.test_installed import show\n"
        "print(show(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    words = [sys.executable, "-P", "-c", code, str(site), str(tmp_path / "others")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    every = [subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) for _ in range(3)]
    said = {each.communicate()[0] for each in every}
    assert [each.returncode for each in every] == [0, 0, 0]
    assert len(said) == 1
    assert [path.name for path in (tmp_path / "others").iterdir()] == [lock(tool)]


def test_without_a_place_there_is_no_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert installed.places(tmp_path / "file") == (tmp_path / "file" / "default",)
    with pytest.raises(EnvironmentMissing, match="no place"):
        environments.default(tmp_path / "file")
    environments.ready(tmp_path / "file")
    assert environments.every(tmp_path / "file") == []
