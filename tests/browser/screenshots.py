"""`make screenshots`: every page, in both themes, at 1440 and 390 pixels, as PNG files.

On the demo's site, furnished so that there is something to see (tests/browser/furnished.py). Run
as `python -m tests.browser.screenshots FOLDER [NAME …]`; with names, those pages alone. It prints
what axe finds on each.
"""

import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from carrel_site.embedded.secrets import read_secret
from tests.browser.accessible import violations
from tests.browser.conftest import ARGUMENTS, NARROW, WIDE
from tests.browser.furnished import OWNER, RESEARCHER, Furnisher
from tests.embedded.procs import eventually
from tests.embedded.running import Up, start_up, stop
from tests.fixtures.programs import find_program

_SECONDS = 180.0


@dataclass(frozen=True)
class Shot:
    """A page as one person sees it. `path` may need the site: an id of something in it."""

    name: str
    path: str | Callable[[BrowserContext], str]
    person: str | None = OWNER
    then: Callable[[Page], None] | None = None
    """What is done on the page before the picture."""


def _first(resource: str, page: str) -> Callable[[BrowserContext], str]:
    """The page of the first of a list: `_first("/requests", "/requests/{id}")`."""

    def find(context: BrowserContext) -> str:
        items = context.request.get(f"/api/v1{resource}").json()["items"]
        return page.format_map(items[0]) if items else page

    return find


def _of_code(
    state: str, page: str, *, last: bool = False, kind: str = "code"
) -> Callable[[BrowserContext], str]:
    """The page of the newest request for code in that state, or of the oldest."""

    def find(context: BrowserContext) -> str:
        items = context.request.get(f"/api/v1/requests?state={state}").json()["items"]
        code = [item for item in items if item["kind"] == kind]
        return page.format_map(code[-1 if last else 0]) if code else page

    return find


def _bounds(page: Page) -> None:
    page.get_by_label("Number 1, at least").fill("60")
    page.get_by_label("Number 1, at most").fill("100")
    page.get_by_role("list", name="Noise").wait_for()


def _edit(page: Page) -> None:
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("list", name="Noise").wait_for()


_ANSWERED, _RETURNED = "/requests?state=queued", "/requests?state=changes_requested"
SHOTS = (
    Shot("sign-in", "/sign-in", None),
    Shot("reset", "/reset", None),
    Shot("invitation", "/invitation", None),
    Shot("home-owner", "/"),
    Shot("home-researcher", "/", RESEARCHER),
    Shot("datasets", "/datasets"),
    Shot("dataset", _first("/datasets", "/datasets/{name}")),
    Shot("dataset-researcher", _first("/datasets", "/datasets/{name}"), RESEARCHER),
    Shot("dataset-new", "/datasets/new"),
    Shot("dataset-new-budget", "/datasets/new?step=budget"),
    *(
        Shot(f"dataset-{tab}", _first("/datasets", f"/datasets/{{name}}?tab={tab}"))
        for tab in ("mock", "budget", "rules", "versions", "access", "activity")
    ),
    Shot("dataset-columns", _first("/datasets", "/datasets/{name}?edit=columns")),
    Shot("dataset-edit-rules", _first("/datasets", "/datasets/{name}?tab=rules&edit=rules")),
    Shot("ask", "/ask", RESEARCHER),
    Shot("ask-answered", _first(_ANSWERED, "/ask?dataset={dataset}&request={id}"), RESEARCHER),
    Shot("ask-saved", "/ask?dataset=meps&tab=saved", RESEARCHER),
    Shot("ask-code", "/ask/code?dataset=meps", RESEARCHER),
    Shot("ask-black-box", "/ask/black-box?dataset=meps", RESEARCHER, _bounds),
    Shot("review", "/review"),
    Shot("outputs", "/review/outputs"),
    Shot("output", _first("/outputs?state=held", "/outputs/{run_id}")),
    Shot("output-released", _first("/outputs?state=released", "/outputs/{run_id}")),
    Shot("requests", "/requests"),
    Shot("request-waiting", _first("/requests?state=submitted", "/requests/{id}")),
    Shot("request-answered", _first(_ANSWERED, "/requests/{id}"), RESEARCHER),
    Shot("request-returned", _first(_RETURNED, "/requests/{id}"), RESEARCHER),
    Shot("code-waiting", _of_code("submitted", "/requests/{id}")),
    Shot("code-changes", _of_code("submitted", "/requests/{id}?since=approved")),
    Shot("code-held", _of_code("queued", "/requests/{id}"), RESEARCHER),
    Shot("code-released", _of_code("queued", "/requests/{id}", last=True), RESEARCHER),
    Shot("black-box-waiting", _of_code("submitted", "/requests/{id}", kind="black_box")),
    Shot("black-box-answered", _of_code("queued", "/requests/{id}", kind="black_box"), RESEARCHER),
    Shot(
        "black-box-edit",
        _of_code("submitted", "/requests/{id}", kind="black_box"),
        RESEARCHER,
        _edit,
    ),
    Shot("runs", "/runs"),
    Shot("run", _first("/runs?kind=query", "/runs/{id}")),
    Shot("budgets", "/budgets"),
    Shot("budgets-researcher", "/budgets", RESEARCHER),
    Shot("budget", _first("/budgets", "/budgets/{mine[id]}"), RESEARCHER),
    Shot("notifications", "/notifications"),
    Shot("people", "/people"),
    Shot("person", _first("/users", "/people/{id}")),
    Shot("groups", "/people/groups"),
    Shot("invitations", "/people/invitations"),
    Shot("audit", "/audit"),
    Shot("audit-event", "/audit/5"),
    Shot("audit-verify", "/audit/verify"),
    Shot("settings", "/settings"),
    Shot("profile", "/profile", RESEARCHER),
    Shot("not-found", "/nothing/here"),
)


@contextmanager
def _demo(folder: Path) -> Iterator[Up]:
    site = start_up(folder / "demo", verb="demo")
    try:
        ready = eventually(
            lambda: "The site stays up" in site.said or site.popen.poll() is not None, _SECONDS
        )
        if not ready or site.popen.poll() is not None:
            raise SystemExit(f"The demo's site did not start:\n{site.said}")
        yield site
    finally:
        stop(site, signal.SIGTERM)


def _take(page: Page, shot: Shot, path: str, file: Path) -> list[str]:
    page.goto(path)
    page.wait_for_load_state("load")
    page.get_by_role("heading", level=1).first.wait_for()
    if shot.then is not None:
        shot.then(page)
    page.wait_for_timeout(700)  # what the page asks the site for, and fonts
    # A window as tall as the page: bars that stay in place then stand where they belong.
    width = page.viewport_size["width"] if page.viewport_size else WIDE[0]
    tall = int(page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": width, "height": min(max(tall, 844), 6000)})
    page.screenshot(path=file)
    return violations(page)


def _all(browser: Browser, site: Up, folder: Path, names: set[str]) -> int:
    passwords = json.loads(read_secret(site.data / "secrets", "demo_passwords.json"))
    Furnisher(site.url, passwords).furnish()
    wrong = 0
    for size in (WIDE, NARROW):
        for theme in ("light", "dark"):
            contexts: dict[str | None, BrowserContext] = {}
            for shot in SHOTS:
                if names and shot.name not in names:
                    continue
                if shot.person not in contexts:
                    context = contexts[shot.person] = browser.new_context(
                        base_url=site.url,
                        color_scheme="dark" if theme == "dark" else "light",
                        reduced_motion="reduce",
                        locale="en-GB",
                    )
                    if shot.person is not None:
                        body = {"email": shot.person, "password": passwords[shot.person]}
                        signed = context.request.post("/api/v1/session", data=body)
                        assert signed.status == 201, signed.text()
                context = contexts[shot.person]
                page = context.new_page()
                page.set_viewport_size({"width": size[0], "height": size[1]})
                path = shot.path if isinstance(shot.path, str) else shot.path(context)
                found = _take(page, shot, path, folder / f"{shot.name}-{theme}-{size[0]}.png")
                for line in found:
                    print(f"{shot.name} {theme} {size[0]}: {line}")
                wrong += len(found)
                page.close()
            for context in contexts.values():
                context.close()
    return wrong


def main(folder: Path, names: set[str]) -> int:
    """How many things axe found."""
    chromium = find_program("chromium")
    if chromium is None:
        raise SystemExit("Chromium is missing. As root:  scripts/system-packages")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="carrel-shots-") as scratch,
        _demo(Path(scratch)) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        wrong = _all(browser, site, folder, names)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}; axe found {wrong} things.")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1]), set(sys.argv[2:])) else 0)
