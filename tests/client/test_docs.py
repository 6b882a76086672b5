"""The client's page of the documentation, run against a whole site."""

import re
from pathlib import Path

import pytest

import carrel
from carrel_site.cli.demo.data import TABLES
from tests.client.conftest import LiveSite

PAGE = Path(__file__).parents[2] / "docs" / "client.md"


def sections() -> dict[str, list[str]]:
    """Each section's Python blocks."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        found[title] = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="module")
def keys(live: LiveSite) -> dict[str, str]:
    """Keys of a researcher, a reviewer and the owner, at a site with the demo's two tables."""
    for name, role in (("dora", "researcher"), ("rosa", "reviewer")):
        live.person(name, role)
    live.owner.populations.create("demo", together=20.0, each=10.0)
    for demo, auto in zip(TABLES, (True, False), strict=True):
        dataset = live.owner.datasets.create(
            demo.name,
            "demo",
            demo.table,
            title=demo.title,
            policy={"auto_approve": auto, "auto_approve_share": 0.5},
        )
        rows = dataset.mock(500).to_pandas()
        dataset.upload(rows.to_csv(index=False).encode(), format="csv")
        dataset.give_access("dora@example.org")
    people = {"researcher": live.person("dora"), "reviewer": live.person("rosa"), "": live.owner}
    return {
        role: site._http._client.headers["authorization"].removeprefix("Bearer ")
        for role, site in people.items()
    }


def test_every_python_block_runs(
    live: LiveSite,
    keys: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CARREL_URL", live.url)
    readers = {"For reviewers": keys["reviewer"], "For owners": keys[""]}
    # Something for the reviewers' section to find.
    monkeypatch.setenv("CARREL_API_KEY", keys["researcher"])
    with carrel.connect() as site:
        waiting = site.datasets["meps"].query().agg(n=carrel.count())
        request = waiting.submit(epsilon=0.1, review=True)

    names: dict[str, object] = {}
    blocks = 0
    for title, section in sections().items():
        monkeypatch.setenv("CARREL_API_KEY", readers.get(title, keys["researcher"]))
        for block in section:
            exec(compile(block, f"{PAGE.name}: {title}", "exec"), names)
            blocks += 1
    assert blocks >= 10

    said = capsys.readouterr().out
    assert "Dora" in said
    assert "^ MEDIAN" in said
    assert "± " in said
    with carrel.connect(live.url, keys["researcher"]) as site:
        assert site.requests[request.id].state == "changes_requested"
