"""The console's files: what each address answers, and the headers that go with it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from carrel_site.core import paths
from carrel_site.core.console import Console
from tests.fixtures.site import AppSite

PAGE = (
    '<meta property="csp-nonce" nonce="__CARREL_NONCE__"><script src="/assets/app-1.js"></script>'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "dist"
    for name, text in {
        "index.html": PAGE,
        "docs/index.html": f"reference {PAGE}",
        "docs/reference.js": "// starts the viewer",
        "reference/swagger-ui.css": "a{}",
        "assets/app-1.js": "let a = 1",
        "favicon.svg": "<svg/>",
    }.items():
        file = built / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (built / "assets" / "app-1.js.gz").write_bytes(b"squeezed")
    (tmp_path / "secret.txt").write_text("not for the web")
    return built


@pytest.fixture
def http(folder: Path) -> Iterator[TestClient]:
    async def api(_request: object) -> PlainTextResponse:
        return PlainTextResponse("the API")

    app = Starlette(routes=[Route("/api/v1/thing", api), Route("/healthz", api)])
    with TestClient(Console(app, folder)) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/datasets", "/datasets/a.b/versions"])
def test_every_page_gets_the_document_with_a_nonce_of_its_own(http: TestClient, path: str) -> None:
    answers = [http.get(path), http.get(path)]
    nonces = set()
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        (nonce,) = re.findall(r'nonce="([^"]+)"', answer.text)
        assert f"style-src 'self' 'nonce-{nonce}'" in answer.headers["content-security-policy"]
        nonces.add(nonce)
    assert len(nonces) == 2


def test_the_policy_allows_nothing_inline_and_nobody_else(http: TestClient) -> None:
    policy = http.get("/").headers["content-security-policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'self'"
    assert directives["script-src"] == "'self'"
    assert directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["base-uri"] == "'none'"
    assert directives["form-action"] == "'self'"
    assert "unsafe" not in policy
    assert "http" not in policy


def test_assets_last_and_other_files_are_asked_for_again(http: TestClient) -> None:
    asset = http.get("/assets/app-1.js", headers={"accept-encoding": "identity"})
    assert asset.text == "let a = 1"
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    icon = http.get("/favicon.svg")
    assert icon.headers["cache-control"] == "no-cache"
    again = http.get("/favicon.svg", headers={"if-none-match": icon.headers["etag"]})
    assert again.status_code == 304


def test_a_compressed_file_is_sent_to_whom_takes_it(http: TestClient) -> None:
    with http.stream("GET", "/assets/app-1.js", headers={"accept-encoding": "gzip"}) as answer:
        assert b"".join(answer.iter_raw()) == b"squeezed"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    ["/assets/none.js", "/assets/", "/reference/none.css", "/robots.txt", "/assets/app-1.js.gz"],
)
def test_files_that_are_not_there_are_not_pages(http: TestClient, path: str) -> None:
    assert http.get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
             "/assets/%00", "//secret.txt"]
)  # fmt: skip
def test_nothing_outside_the_folder_is_served(http: TestClient, path: str) -> None:
    assert "not for the web" not in http.get(path).text


def test_a_link_out_of_the_folder_is_not_followed(http: TestClient, folder: Path) -> None:
    (folder / "assets" / "out.txt").symlink_to(folder.parent / "secret.txt")
    answer = http.get("/assets/out.txt")
    assert answer.status_code == 404
    assert "not for the web" not in answer.text


def test_the_api_is_passed_on(http: TestClient) -> None:
    assert http.get("/api/v1/thing").text == "the API"
    assert http.get("/healthz").text == "the API"
    assert http.get("/api/v1/nothing").status_code == 404
    assert http.post("/datasets").status_code in (404, 405)


def test_the_reference_has_a_page(http: TestClient) -> None:
    for path in ("/docs", "/docs/"):
        answer = http.get(path)
        assert answer.text.startswith("reference")
        assert "unsafe" not in answer.headers["content-security-policy"]
    assert http.get("/docs/reference.js").text == "// starts the viewer"


def test_without_a_build_the_root_says_how_to_make_one() -> None:
    with TestClient(Console(Starlette(), None)) as http:
        assert "make console" in http.get("/").text
        assert http.get("/datasets").status_code == 404


def test_the_clones_build_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "backend" / "carrel_site"
    package.mkdir(parents=True)
    monkeypatch.setattr(paths.carrel_site, "__file__", str(package / "__init__.py"))
    assert paths.console_dir() is None
    cloned = tmp_path / "frontend" / "dist"
    cloned.mkdir(parents=True)
    (cloned / "index.html").touch()
    assert paths.console_dir() == cloned
    (package / "_console").mkdir()
    (package / "_console" / "index.html").touch()
    assert paths.console_dir() == package / "_console"


def test_the_build_brings_the_licences_of_what_it_is_made_of() -> None:
    """Of every package and font: their licences ask that the text goes with them."""
    built = paths.console_dir()
    assert built is not None, "The console is not built. Run:  make console"
    with TestClient(Console(Starlette(), built)) as http:
        answer = http.get("/licences.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    listed, *texts = answer.text.split(f"\n\n{'-' * 80}\n")
    named = re.findall(r"^(\S+) \S+ \((.+)\)$", listed, re.MULTILINE)
    assert len(named) == len(texts)
    for (name, _), text in zip(named, texts, strict=True):
        assert text.startswith(f"{name} ")
        assert "copyright" in text.lower() or "public domain" in text.lower(), name
    fonts = [file.name for file in built.rglob("*.woff2")]
    families = {re.match(r"source-\w+-\d", name)[0] for name in fonts}  # type: ignore[index]
    assert families
    for family in families:
        text = next(t for t in texts if t.startswith(f"@fontsource-variable/{family} "))
        assert "SIL OPEN FONT LICENSE Version 1.1" in text
        assert "PERMISSION & CONDITIONS" in text
    for name in ("react", "@mantine/core", "@codemirror/view", "swagger-ui-dist"):
        assert name in {package for package, _ in named}
    assert (built / "reference" / "NOTICE").is_file()


def test_answers_of_the_api_keep_their_own_policy(app_site: AppSite) -> None:
    for path in ("/api/v1/setup", "/api/v1/nothing", "/healthz"):
        policy = app_site.http.get(path).headers["content-security-policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"
