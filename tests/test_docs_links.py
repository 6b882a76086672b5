"""The documentation: links lead somewhere, the site builds, every setting is described."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pydantic_settings import BaseSettings

from carrel_site.settings import Settings
from carrel_worker.settings import WorkerSettings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCES = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ROW = re.compile(r"^\| `(CARREL_[A-Z_]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files(page: Path) -> None:
    links = _LINK.findall(_FENCES.sub("", page.read_text()))
    targets = [unquote(urlsplit(link).path) for link in links if not urlsplit(link).scheme]
    missing = [target for target in targets if target and not (page.parent / target).exists()]
    assert missing == []


def test_the_readme_has_links() -> None:
    """So that the test above looks at some."""
    assert len(_LINK.findall((ROOT / "README.md").read_text())) > 5


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    built = subprocess.run(
        [*command, "--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        path = page.relative_to(ROOT / "docs").with_suffix("")
        place = path.parent if path.name == "index" else path
        assert (tmp_path / "site" / place / "index.html").is_file()


def test_every_page_but_decisions_is_in_the_menu() -> None:
    """A decision may be read from the page that refers to it."""
    menu = (ROOT / "mkdocs.yml").read_text()
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    assert [
        str(page) for page in pages if page.parts[0] != "adr" and f"- {page}\n" not in menu
    ] == []


@pytest.mark.parametrize("settings", [Settings, WorkerSettings])
def test_every_setting_is_described_with_its_default(
    settings: type[BaseSettings],
) -> None:
    prefix = settings.model_config["env_prefix"]
    assert prefix is not None
    page = (ROOT / "docs" / "operating.md").read_text()
    own = "\n| `CARREL_WORKER_SITE_URL`"
    site, worker = page.split(own)
    described = {
        name: default
        for name, default, _ in _ROW.findall(site if settings is Settings else own + worker)
    }
    assert set(described) == {f"{prefix}{name.upper()}" for name in settings.model_fields}
    for name, field in settings.model_fields.items():
        default = described[f"{prefix}{name.upper()}"]
        if field.default is None:
            assert default == "none"
        elif field.default == Path():
            assert default.endswith("in the data directory")
        else:
            assert default == f"`{field.default}`"
