"""The wheel, installed in a fresh virtualenv outside the clone."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.embedded.running import running_up

REPOSITORY = Path(__file__).parents[2]
ALLOWED = {
    *("carrel", "carrel_protocol"),
    *("httpx", "httpcore", "h11", "certifi", "idna", "anyio", "sniffio"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
}
"""httpx, pydantic and what they depend on."""


def run(*arguments: object, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run outside the clone and outside this virtualenv's environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env=kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def succeed(*arguments: object, cwd: Path, **environment: str) -> str:
    done = run(*arguments, cwd=cwd, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    succeed(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", directory, REPOSITORY,
        cwd=directory,
    )  # fmt: skip
    (built,) = directory.glob("carrel-*.whl")
    return built


def fresh_virtualenv(directory: Path, requirement: str) -> Path:
    """A virtualenv with `requirement` in the locked versions; its bin directory."""
    succeed(sys.executable, "-m", "venv", directory / "venv", cwd=directory)
    succeed(
        directory / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet",
        "-c", REPOSITORY / "constraints.txt", requirement,
        cwd=directory,
    )  # fmt: skip
    return directory / "venv" / "bin"


def test_migrations_are_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    written = [path.name for path in (REPOSITORY / "migrations" / "versions").glob("*.py")]
    assert written
    for name in ("env.py", *(f"versions/{name}" for name in written)):
        assert f"carrel_site/_migrations/{name}" in names
    assert not [name for name in names if name.startswith(("tests/", "bench/"))]
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {
        "carrel", "carrel_protocol", "carrel_site", "carrel_worker",
    }  # fmt: skip


def test_the_console_is_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    built = [name for name in names if name.startswith("carrel_site/_console/")]
    assert "carrel_site/_console/index.html" in built
    assert "carrel_site/_console/docs/index.html" in built
    assert any(name.startswith("carrel_site/_console/assets/index-") for name in built)
    assert "carrel_site/_console/licences.txt" in built  # whose fonts are shipped, and how
    assert any(name.endswith(".woff2") for name in built)
    assert not [name for name in names if "node_modules" in name]


def test_no_wheel_is_built_without_the_console(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns("dist", "node_modules", ".venv", ".git", ".demo", ".*_cache")
    shutil.copytree(REPOSITORY, clone, ignore=ignored)
    built = run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", tmp_path / "out", clone,
        cwd=tmp_path,
    )  # fmt: skip
    assert built.returncode != 0
    assert "make console" in built.stdout + built.stderr


@pytest.mark.timeout(300)
def test_a_bare_install_is_light_and_says_what_a_site_needs(wheel: Path, tmp_path: Path) -> None:
    binaries = fresh_virtualenv(tmp_path, str(wheel))
    printed = succeed(
        binaries / "python", "-c",
        "import sys; before = set(sys.modules); import carrel, json;"
        "print(json.dumps(sorted(set(sys.modules) - before)))",
        cwd=tmp_path,
    )  # fmt: skip
    loaded = {name.split(".")[0] for name in json.loads(printed)}
    assert "carrel" in loaded
    foreign = loaded - ALLOWED - set(sys.stdlib_module_names)
    assert not {name for name in foreign if not name.startswith("_")}
    command = run(binaries / "carrel", "up", cwd=tmp_path)
    assert command.returncode == 2
    assert "pip install 'carrel[site]'" in command.stderr
    assert not (tmp_path / "carrel-data").exists()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_site_from_the_wheel_answers_a_question(wheel: Path, tmp_path: Path) -> None:
    """Everything a fresh machine would do: install, `carrel up`, register, ask."""
    binaries = fresh_virtualenv(tmp_path, f"{wheel}[site,demo]")
    data = tmp_path / "carrel-data"
    with running_up(data, command=(str(binaries / "carrel"),)) as site:
        succeed(
            binaries / "python", "-P", "-m", "carrel_site.cli.demo.owner",
            cwd=tmp_path, CARREL_DATA_DIR=str(data),
        )  # fmt: skip
        key = (data / "secrets" / "demo_researcher_key").read_text()
        printed = succeed(
            binaries / "python", "-P", "-m", "carrel._demo",
            cwd=tmp_path, CARREL_URL=site.url, CARREL_API_KEY=key,
        )  # fmt: skip
        assert "query.run()" in printed
