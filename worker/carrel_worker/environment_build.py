"""Building an environment: `python -m carrel_worker.environment_build NAME DIRECTORY …`.

pip works out the wheels (wheels only: a source distribution runs code when it is built), and then
installs those very wheels by their SHA-256. The environment appears whole or not at all.
"""

import argparse
import compileall
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from carrel_worker.environments import DEFAULT, NAME, imports, lock_hash, normal
from carrel_worker.installed import LOCK, PACKAGES
from carrel_worker.trees import tree_digest

_PIP = (sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")


class BuildFailed(Exception):
    """The environment was not built; the message says why."""


def build(
    name: str,
    root: Path,
    packages: Sequence[str],
    *,
    requirements: Path | None = None,
    index: str | None = None,
) -> dict[str, Any]:
    """Build `name` below `root`; its lock, with where it lies. Raises `BuildFailed`."""
    if not NAME.fullmatch(name) or name == DEFAULT:
        raise BuildFailed(f"{name!r} cannot name an environment: a-z, 0-9 and -, and not 'default'")
    asked = [*packages, *(_lines(requirements) if requirements else ())]
    if not asked:
        raise BuildFailed("name the packages, by --packages or --requirements")
    (root / name).mkdir(mode=0o755, parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=root))
    try:
        wheels = _resolve(asked, work, index)
        python = platform.python_version()
        pinned = [f"{each['name']}=={each['version']} sha256:{each['sha256']}" for each in wheels]
        digest = lock_hash([f"python=={python}", *pinned])
        target = root / name / digest
        lock = {
            "name": name,
            "packages": asked,
            "python": python,
            "wheels": wheels,
            "lock_hash": digest,
            "built_at": datetime.now(UTC).isoformat(),
        }
        _install(wheels, work, index)
        lock["imports"] = imports(metadata.distributions(path=[str(work / PACKAGES)]))
        lock["tree"] = tree_digest(work / PACKAGES)
        (work / LOCK).write_text(json.dumps(lock, indent=2) + "\n")
        work.chmod(0o755)
        _put_in_place(work, target)
        return lock | {"directory": str(target)}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _lines(requirements: Path) -> list[str]:
    """Plain requirements alone: an option in the file could name another index or a path."""
    found = []
    for line in requirements.read_text().splitlines():
        text = line.partition(" #")[0].strip()
        if text.startswith("-"):
            raise BuildFailed(
                f"{requirements.name}: {text.split()[0]} and other options are refused"
            )
        if text and not text.startswith("#"):
            found.append(text)
    return found


def _resolve(asked: list[str], work: Path, index: str | None) -> list[dict[str, str]]:
    """Name, version, SHA-256 and address of each wheel that `asked` comes to."""
    if bad := [each for each in asked if each.startswith("-")]:
        raise BuildFailed(f"{bad[0]!r} is no package")
    report = work / "report.json"
    _pip(
        *("install", "--dry-run", "--ignore-installed", "--only-binary", ":all:"),
        *("--report", str(report), *_index(index), *asked),
    )
    found = []
    for each in json.loads(report.read_text())["install"]:
        info = each["download_info"]
        sha256 = info.get("archive_info", {}).get("hashes", {}).get("sha256")
        if not sha256:
            raise BuildFailed(f"{each['metadata']['name']} comes from no archive with a SHA-256")
        about = each["metadata"]
        found.append({"name": normal(about["name"]), "version": about["version"], "sha256": sha256})
    report.unlink()
    return sorted(found, key=lambda each: each["name"])


def _install(wheels: list[dict[str, str]], work: Path, index: str | None) -> None:
    pinned = work / "pinned.txt"
    pinned.write_text(
        "".join(f"{w['name']}=={w['version']} --hash=sha256:{w['sha256']}\n" for w in wheels)
    )
    _pip(
        *("install", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-compile"),
        *("--target", str(work / PACKAGES), *_index(index), "--requirement", str(pinned)),
    )
    pinned.unlink()
    # Compiled once, here, since the files are read-only where they run.
    compileall.compile_dir(work / PACKAGES, quiet=2, stripdir=str(work / PACKAGES))


def _index(index: str | None) -> tuple[str, ...]:
    return ("--index-url", index) if index else ()


def _pip(*arguments: str) -> None:
    done = subprocess.run([*_PIP, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said = " ".join(words) or done.stderr.strip()[-500:]
        raise BuildFailed(f"pip did not find or install the packages as wheels: {said}")


def _put_in_place(work: Path, target: Path) -> None:
    """Give the environment its name. One that is there and whole may be in use, and stays."""
    if (target / LOCK).exists():
        there, fresh = (json.loads((each / LOCK).read_text()) for each in (target, work))
        if there["tree"] == tree_digest(target / PACKAGES):
            again = work / "again.json"
            again.write_text(json.dumps(there | {"built_at": fresh["built_at"]}, indent=2) + "\n")
            again.replace(target / LOCK)
            return
    if target.exists():
        shutil.rmtree(target)
    work.rename(target)


def main() -> None:
    parser = argparse.ArgumentParser(prog="carrel environment build")
    parser.add_argument("name")
    parser.add_argument("root", type=Path)
    parser.add_argument("--package", action="append", default=[])
    parser.add_argument("--requirements", type=Path)
    parser.add_argument("--index")
    asked = parser.parse_args()
    try:
        lock = build(
            asked.name,
            asked.root,
            asked.package,
            requirements=asked.requirements,
            index=asked.index,
        )
    except (BuildFailed, OSError) as error:
        sys.exit(str(error))
    print(json.dumps(lock))


if __name__ == "__main__":
    main()
