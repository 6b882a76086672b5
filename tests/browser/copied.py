"""Code that the console offers to copy, run as somebody would who pastes it."""

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from carrel_protocol.api.common import Role
from tests.browser.people import ConsoleSite


def run_python(page: Page, part: Page | Locator, console: ConsoleSite, folder: Path) -> str:
    """What the copied code prints, run by itself with the researcher's key."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    part.get_by_role("button", name="Copy as Python").click()
    expect(part.get_by_role("button", name="Copied")).to_be_visible()
    script = folder / "copied.py"
    script.write_text(page.evaluate("navigator.clipboard.readText()"))
    key = console.api(Role.RESEARCHER).headers["Authorization"].removeprefix("Bearer ")
    ran = subprocess.run(
        [sys.executable, "-P", str(script)],
        env=os.environ | {"CARREL_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
