"""Code from the first run on made-up rows to what is released, against a real site."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import carrel
from tests.client.code.conftest import Online

TABLE = {"columns": ["region", "n"], "index": 1, "rows": [["north", 123], ["south", None]]}
CUT = 18


def sizes(df: pd.DataFrame, age_from: int = CUT, region: str = "north") -> Any:
    return df[df["age"] >= age_from].groupby("region").size()


def mock_item(name: str, kind: str, content: bytes, **more: Any) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    item = {"name": name, "kind": kind, "size": len(content), "digest": digest, **more}
    return {"item": item, "content": base64.b64encode(content).decode()}


def work_on(online: Online, **options: Any) -> carrel.CodeFunction:
    return carrel.function(data=online.dataset, packages=["pandas"], **options)(sizes)


def test_a_mock_run_prints_and_returns(online: Online, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = []

    def play(run_id: str) -> None:
        items = [mock_item("result", "table", json.dumps(TABLE).encode(), shape=[2, 2])]
        jobs.append(online.end_mock(run_id, items, stdout="said\x1b[31m\n", stderr="warned\n"))

    thread = online.serve(play)
    got = work_on(online).mock(rows=50, age_from=30)
    thread.join()
    assert isinstance(got, pd.DataFrame)
    assert got.loc["north", "n"] == 123
    assert pd.isna(got.loc["south", "n"])
    said = capsys.readouterr()
    assert said.out == "said\\x1b[31m\n"
    assert said.err == "warned\n"
    (job,) = jobs
    assert dict(job.code.parameters) == {"age_from": 30, "region": "north"}
    assert job.code.entry.model_dump() == {"kind": "function", "path": "sizes.py", "name": "sizes"}
    assert job.code.files[0].text.startswith("from __future__ import annotations\n\nCUT = 18\n")
    assert len(job.code.data[0].rows) == 50
    assert job.code.data[0].alias == "df"


def test_a_mock_failure_shows_the_traceback(online: Online) -> None:
    def play(run_id: str) -> None:
        trace = "Traceback:\n  File \"sizes.py\", line 5\nKeyError: 'age'\n"
        online.end_mock(run_id, [], ending="raised", message="KeyError: 'age'", traceback=trace)

    thread = online.serve(play)
    with pytest.raises(carrel.MockFailed) as caught:
        work_on(online).mock()
    thread.join()
    assert "The code raised on made-up rows: KeyError: 'age'" in str(caught.value)
    assert 'File "sizes.py", line 5' in str(caught.value)
    assert caught.value.report is not None
    assert caught.value.report.peak_bytes == 1 << 20


def test_waiting_for_a_mock_run_ends_when_told(online: Online) -> None:
    with pytest.raises(carrel.WaitTimeout):
        work_on(online).mock(timeout=0.2)


def test_a_request_from_the_mock_run_to_what_is_released(online: Online) -> None:
    work = work_on(online, limits={"wall_seconds": 0.1})
    items = [mock_item("result", "value", b"3")]
    thread = online.serve(lambda run_id: online.end_mock(run_id, items))
    assert work.mock() == 3
    thread.join()

    reach = carrel.reach(age_from=(18, 90), region=["north", "south"], runs=5)
    request = work.submit("Sizes of regions", reach=reach)
    assert isinstance(request, carrel.CodeRequest)
    assert (request.status, request.kind, request.data.price) == ("submitted", "code", None)
    assert "def sizes(df" in request.files["sizes.py"]
    assert "def sizes(df" in str(request)
    assert work.submit("Sizes of regions", reach=reach).id == request.id

    seen = online.reviewer.requests[request.id]
    assert isinstance(seen, carrel.CodeRequest)
    assert seen.review.mock_run is not None
    assert [f.rule for f in seen.review.findings if f.level == "alarm"] == []
    seen.comment_line("sizes.py", 4, "Why 18?")
    assert [c.text for c in request.line_comments] == ["Why 18?"]
    with pytest.raises(carrel.InvalidTransition):
        request.result()
    seen.approve()

    table = json.dumps(TABLE).encode()
    array = npy(np.arange(6.0).reshape(2, 3))
    run = request.refresh().run
    assert run is not None
    job = online.end(run.id, counts=("table", table), weights=("array", array))
    assert job.content.content_hash() == request.content_hash
    with pytest.raises(carrel.WaitTimeout):
        request.wait(timeout=4)
    assert request.status == "under review"
    with pytest.raises(carrel.OutputHeld):
        request.result()
    assert online.code.decide(online.code.app.reviewer, run.id).is_success
    result = request.wait(timeout=30)
    assert request.status == "released"
    assert list(result) == ["counts", "weights"]
    assert result["counts"].loc["north", "n"] == 123
    assert (result["weights"] == np.arange(6.0).reshape(2, 3)).all()
    with pytest.raises(carrel.InvalidInput):
        _ = result.value

    # Within the reach nobody votes again.
    again = work.submit("More of it", reach=reach, age_from=40)
    assert again.run is not None
    assert [each.id for each in online.researcher.requests] == [again.id, request.id]
    assert all(isinstance(each, carrel.CodeRequest) for each in online.researcher.requests)


def test_withheld_output_tells_the_reason(online: Online) -> None:
    request = work_on(online, limits={"wall_seconds": 0.1}).submit("Sizes")
    online.reviewer.requests[request.id].approve()
    run = request.refresh().run
    assert run is not None
    online.end(run.id, counts=("value", b"1"))
    reviewer = online.code.app.reviewer
    assert online.code.decide(reviewer, run.id, "withhold", reason="Cells of 7").is_success
    with pytest.raises(carrel.OutputWithheld, match="Cells of 7") as caught:
        request.wait(timeout=30)
    assert caught.value.request is request
    assert request.status == "withheld"


def test_returned_code_is_edited_and_keeps_its_thread(online: Online) -> None:
    work = work_on(online)
    request = work.submit("Sizes")
    online.reviewer.requests[request.id].request_changes("From 40, please")
    with pytest.raises(carrel.ChangesRequested, match="From 40"):
        request.wait(timeout=5)
    before = request.content_hash
    request.edit(age_from=40)
    assert request.state == "submitted"
    assert request.parameters == {"age_from": 40, "region": "north"}
    assert request.content_hash != before
    request.edit(work, purpose="Other words", age_from=50)
    assert request.purpose == "Other words"
    assert request.parameters["age_from"] == 50
    assert "From 40, please" in [each.text for each in request.comments]
    request.withdraw()
    with pytest.raises(carrel.RequestWithdrawn):
        request.wait()


def test_a_script_with_a_file_beside_it(online: Online, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tables.py").write_text("def clean(df):\n    return df\n")
    script = tmp_path / "analysis.py"
    script.write_text(
        "import carrel_job\nfrom lib.tables import clean\n"
        "carrel_job.save('n', len(clean(carrel_job.tables['people'])))\n"
    )
    program = carrel.script(
        script, {"people": online.dataset}, files=[tmp_path / "lib" / "tables.py"]
    )
    request = program.submit("How many", cut=1)
    assert list(request.files) == ["analysis.py", "lib/tables.py"]
    assert request.parameters == {"cut": 1}

    script.write_text("import torch\n")
    with pytest.raises(carrel.CodeNotAllowed, match="torch is not in the environment"):
        carrel.script(script, online.dataset).submit("x")
    script.write_text("def work(df:\n")
    with pytest.raises(carrel.CodeNotAllowed) as caught:
        carrel.script(script, online.dataset)
    assert "analysis.py, line 1" in str(caught.value)
    script.write_text("x = 1\n")
    with pytest.raises(carrel.InvalidInput, match="does not lie beside"):
        carrel.script(script, online.dataset, files=[Path(__file__)])


def test_what_the_site_lacks_is_said_before_anything_is_sent(online: Online) -> None:
    with pytest.raises(carrel.InvalidInput, match="no environment 'gpu'"):
        work_on(online, environment="gpu").submit("x")
    needs = carrel.function(data=online.dataset, packages=["scikit_learn"])(sizes)
    with pytest.raises(carrel.InvalidInput, match="has no scikit-learn"):
        needs.submit("x")
    needs = carrel.function(data=online.dataset, packages=["pandas==1.0"])(sizes)
    with pytest.raises(carrel.InvalidInput, match=r"has pandas 2\."):
        needs.mock()
    assert list(online.researcher.requests) == []


def test_datasets_by_name_need_a_site(online: Online) -> None:
    named = carrel.function(data={"df": online.dataset.name}, site=online.researcher)(sizes)
    assert named.submit("Sizes").dataset == online.dataset.name
    with pytest.raises(carrel.InvalidInput, match="does not say at which site"):
        carrel.function(data="people")
    with pytest.raises(carrel.InvalidInput, match="needs the data"):
        carrel.function(sizes)  # type: ignore[arg-type]
    with pytest.raises(carrel.InvalidInput, match="several sites"):
        carrel.function(data=online.dataset, site=online.reviewer)


def test_parameters_are_checked_here(online: Online) -> None:
    work = work_on(online)
    with pytest.raises(carrel.InvalidInput, match="no parameter 'age'"):
        work.submit("x", age=3)
    with pytest.raises(carrel.InvalidInput, match="reach: 'age_from' lies outside"):
        work.submit("x", reach=carrel.reach(age_from=(18, 90)), age_from=7)
    with pytest.raises(carrel.InvalidInput):
        work.submit("x", age_from={"a": 1})
    request = work.submit("x", age_from=np.int64(40), region=np.str_("south"))
    assert request.parameters == {"age_from": 40, "region": "south"}


def swapped(region: str, df: Any) -> Any:
    return df


def rows_named(df: Any, rows: int = 3) -> Any:
    return df


def no_parameters() -> None: ...


def positional(df: Any, /) -> Any:
    return df


@pytest.mark.parametrize(
    ("function", "data", "said"),
    [
        (swapped, {"df": "people"}, "begins with region"),
        (sizes, {"df": "people", "other": "people"}, "the data are for df, other"),
        (rows_named, "people", "rows is a word of mock"),
        (no_parameters, "people", "no parameter for its data"),
        (positional, "people", "before a /"),
    ],
)
def test_signatures_that_cannot_be_called(
    online: Online, function: Any, data: Any, said: str
) -> None:
    with pytest.raises(carrel.CodeNotAllowed, match=said) as caught:
        carrel.function(data=data, site=online.researcher)(function)
    assert "test_code.py, line" in str(caught.value)


def npy(array: Any) -> bytes:
    import io  # noqa: PLC0415

    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()
