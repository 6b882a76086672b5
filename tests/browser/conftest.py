"""A real site, a real browser: Chromium as the system has it, driven by Playwright.

A module gets one site with an owner, a reviewer, a researcher and an auditor (`console`), and each
test signed-in pages of it (`signed_in`). Whatever a page does wrong in passing fails its test.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from carrel_protocol.api.common import Role
from carrel_site.core.paths import console_dir
from tests.browser.guard import Guard
from tests.browser.people import PASSWORD, ConsoleSite, console_site
from tests.fixtures.programs import require_program

WIDE = (1440, 900)
NARROW = (390, 844)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=20_000)  # two processors, and a site beside the browser


class Open(Protocol):
    """Opens a page of its own browser profile."""

    def __call__(
        self,
        site: ConsoleSite,
        path: str = "/",
        *,
        role: Role | None = None,
        size: tuple[int, int] = WIDE,
    ) -> Page: ...


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. A module's own: while Playwright is up, its loop runs in this thread, and no
    other test of the process could run one."""
    chromium = require_program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def _built() -> None:
    assert console_dir() is not None, "The console is not built. Run:  make console"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[ConsoleSite]:
    """A site with one person of each role."""
    with console_site(tmp_path_factory.mktemp("console")) as site:
        site.set_up()
        yield site


@pytest.fixture
def guard_of() -> Iterator[Callable[[ConsoleSite], Guard]]:
    guards: dict[str, Guard] = {}

    def find(site: ConsoleSite) -> Guard:
        return guards.setdefault(site.url, Guard(site.url))

    yield find
    for guard in guards.values():
        guard.check()


@pytest.fixture
def guard(guard_of: Callable[[ConsoleSite], Guard], console: ConsoleSite) -> Guard:
    """Of the module's site: `guard.expect(409, "/api/v1/requests")` for what a test provokes."""
    return guard_of(console)


@pytest.fixture
def open_page(browser: Browser, guard_of: Callable[[ConsoleSite], Guard]) -> Iterator[Open]:
    contexts = []

    def open_one(
        site: ConsoleSite,
        path: str = "/",
        *,
        role: Role | None = None,
        size: tuple[int, int] = WIDE,
    ) -> Page:
        context = browser.new_context(
            base_url=site.url,
            viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce",
            locale="en-GB",
        )
        contexts.append(context)
        context.set_default_timeout(20_000)
        guard_of(site).watch(context)
        if role is not None:
            body = {"email": site.email(role), "password": PASSWORD}
            reply = context.request.post("/api/v1/session", data=body)
            assert reply.status == 201, reply.text()
        page = context.new_page()
        page.goto(path)
        page.get_by_role("heading", level=1).first.wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def signed_in(open_page: Open, console: ConsoleSite) -> Callable[..., Page]:
    """`signed_in(Role.OWNER, "/datasets", size=NARROW)`: a page of the module's site."""

    def sign_in(role: Role, path: str = "/", size: tuple[int, int] = WIDE) -> Page:
        return open_page(console, path, role=role, size=size)

    return sign_in
