"""Black boxes with workers of their own: what is said of them is held to, as far as it can be."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from carrel_site.cli.checks.services import service_findings
from carrel_site.embedded.site import NotAlone, running_site
from tests.embedded.running import START_SECONDS, start_up
from tests.site.code.boxes import Boxes, automatic
from tests.site.code.code_site import CodeSite, admit


def exclusive(boxes: Boxes, *, on: bool) -> None:
    site = boxes.code.app.site
    site.settings = site.settings.model_copy(update={"black_box_exclusive": on})


def state_of(code: CodeSite, run_id: str) -> Any:
    return code.execute("SELECT state FROM runs WHERE id = :id", id=run_id)


@pytest.mark.parametrize("others", [("query",), ("mock",), ("ingest", "code", "query", "mock")])
def test_a_worker_that_serves_others_too_is_given_none(
    boxes: Boxes, others: tuple[str, ...]
) -> None:
    code = boxes.code
    request = automatic(boxes, exclusive=True)
    mixed = admit(code.app, "mixed", "black_box", *others)
    reply = mixed.try_claim(request["run"]["id"])
    assert reply.status_code == httpx.codes.FORBIDDEN
    assert "CARREL_BLACK_BOX_EXCLUSIVE" in reply.text
    assert state_of(code, request["run"]["id"]) == "queued"
    boxes.claim(request)  # theirs alone


def test_where_people_read_each_others_may_serve_them(boxes: Boxes) -> None:
    request = boxes.queued()
    mixed = admit(boxes.code.app, "mixed", "black_box", "query")
    assert mixed.try_claim(request["run"]["id"]).is_success


def test_what_nobody_read_runs_nowhere_else_later(boxes: Boxes) -> None:
    """Approved by policy while black boxes had a worker of their own, claimed when it is gone."""
    code = boxes.code
    request = automatic(boxes, exclusive=True)
    exclusive(boxes, on=False)
    assert boxes.worker.try_claim(request["run"]["id"]).status_code == httpx.codes.CONFLICT
    (event,) = code.events("run.refused")
    assert "Nobody has read it" in event["detail"]["reason"]
    assert state_of(code, request["run"]["id"]) == "failed"
    boxes.claim(boxes.queued(blocks=7))  # read by somebody


def doctor(boxes: Boxes, data: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    settings = boxes.code.app.site.settings
    monkeypatch.setenv("CARREL_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("CARREL_BROKER_URL", settings.broker_url)
    return [
        (finding.level.value, finding.detail)
        for finding in service_findings(data)
        if finding.subject == "black boxes"
    ]


def test_doctor_says_whether_it_can_be_so(
    boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor(boxes, tmp_path, monkeypatch) == []
    monkeypatch.setenv("CARREL_BLACK_BOX_EXCLUSIVE", "true")
    ((level, said),) = doctor(boxes, tmp_path, monkeypatch)
    assert level == "ok"
    admit(boxes.code.app, "mixed", "black_box", "query")
    (first, _) = doctor(boxes, tmp_path, monkeypatch)
    assert first == ("warn", "these workers serve other queues too: mixed")
    boxes.code.execute("UPDATE workers SET revoked_at = now() WHERE name = 'boxer'")
    (_, (level, said)) = doctor(boxes, tmp_path, monkeypatch)
    assert (level, "none will run" in said) == ("fail", True)
    (tmp_path / "site.json").write_text("{}")
    ((level, said),) = doctor(boxes, tmp_path, monkeypatch)
    assert (level, "it will not start" in said) == ("fail", True)


@pytest.mark.parametrize("value", ["true", "1", "YES", "on"])
def test_a_site_on_one_machine_does_not_start_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CARREL_BLACK_BOX_EXCLUSIVE", value)
    with pytest.raises(NotAlone), running_site(tmp_path / "data", 0, print):
        pass
    assert not (tmp_path / "data").exists()


def test_and_says_why(tmp_path: Path) -> None:
    refused = start_up(tmp_path / "data", settings={"CARREL_BLACK_BOX_EXCLUSIVE": "true"})
    assert refused.popen.wait(timeout=START_SECONDS) == 1
    assert re.search("carrel: CARREL_BLACK_BOX_EXCLUSIVE says .* people approve", refused.said)
