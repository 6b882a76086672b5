"""axe-core over a page: WCAG 2.2 AA and its best practices."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

_AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const found = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  return found.violations;
}"""

# Colours are inherited in steps, each a transition of its own, however short: wait for the last.
_SET_THEME = """async (theme) => {
  document.documentElement.dataset.mantineColorScheme = theme;
  const frame = () => new Promise(requestAnimationFrame);
  do { await frame(); await frame(); }
  while (document.getAnimations().some((each) => each instanceof CSSTransition));
}"""


@lru_cache(maxsize=1)
def _source() -> str:
    return _AXE.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """One line for each thing that is wrong."""
    page.evaluate(_source())  # by the debugger, which the page's policy does not stop
    found: list[dict[str, Any]] = page.evaluate(_RUN)
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]} ({node.get('failureSummary', '')})"
        for rule in found
        for node in rule["nodes"]
        # Menus stand outside the landmarks, as do their own roles' examples.
        if not (rule["id"] == "region" and "data-portal" in node["html"])
    ]


def check_accessible(page: Page) -> None:
    """Fail on any violation in the page as it is shown, in both themes."""
    shown = page.evaluate("document.documentElement.dataset.mantineColorScheme")
    for theme in ("light", "dark"):
        page.evaluate(_SET_THEME, theme)
        found = "\n".join(violations(page))
        if found:
            pytest.fail(f"axe, {page.url} in the {theme} theme:\n{found}", pytrace=False)
    page.evaluate(_SET_THEME, shown)


def check_fits(page: Page) -> None:
    """Fail when the page is wider than the window: something would be cut off or scroll away."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window, f"{page.url} is {wide} px wide in a window of {window}"
