"""The documentation's section on code, run with a worker and a reviewer beside it."""

import json
import linecache
import re
import threading
from pathlib import Path

import pytest

import carrel
from tests.client.code.conftest import Online
from tests.client.code.test_code import mock_item

PAGE = Path(__file__).parents[3] / "docs" / "client.md"
TABLE = {"columns": ["female", "drugexp"], "index": 1, "rows": [[False, 120], [True, 130]]}


def blocks() -> list[str]:
    section = PAGE.read_text().partition("## Run code that people have read\n")[2]
    section = section.partition("\n## ")[0]
    return re.findall(r"^```py\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def test_every_block_runs(online: Online, capsys: pytest.CaptureFixture[str]) -> None:
    table = json.dumps(TABLE).encode()
    site = online.researcher
    text = "\n".join(blocks()).replace('"meps"', repr(online.dataset.name))
    text = text.replace(
        'packages=["pandas"])', 'packages=["pandas"], limits={"wall_seconds": 0.1})'
    )
    first, rest = text.split("result = request.wait()")
    names = {"site": site, "carrel": carrel, "__name__": "__main__"}

    def run(code: str, name: str) -> None:
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        exec(compile(code, name, "exec"), names)

    thread = online.serve(
        lambda run_id: online.end_mock(run_id, [mock_item("result", "table", table)])
    )
    run(first, "first.py")
    thread.join()

    def decide(run_id: str) -> None:
        online.end(run_id, result=("table", table))
        assert online.code.decide(online.code.app.reviewer, run_id).is_success

    thread = online.serve(decide)
    request = names["request"]
    assert isinstance(request, carrel.CodeRequest)
    approval = threading.Timer(0.5, online.reviewer.requests[request.id].approve)
    approval.start()
    run("result = request.wait()" + rest, "rest.py")
    approval.join()
    thread.join()
    said = capsys.readouterr().out
    assert said.startswith("submitted\n")
    assert "drugexp" in said
    assert request.content.content_hash() == request.content_hash
