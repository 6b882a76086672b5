"""Black boxes from the client: priced, tried, asked, answered, against a real site."""

import json
import math
from typing import Any

import pytest

import carrel
from carrel_protocol.api.code import Review
from carrel_protocol.black_box import BlackBoxContent
from tests.client.code.conftest import Online
from tests.client.code.test_code import mock_item
from tests.site.code.boxes import Boxes
from tests.site.code.code_site import admit

OLD = 65


def shares(df: Any, age_from: int = OLD) -> Any:
    return [df["age"].mean(), (df["age"] >= age_from).mean()]


VECTOR = carrel.Vector(2, lower=0, upper=[100, 1], steps=1000)


def boxed(online: Online, **options: Any) -> carrel.BlackBox:
    asked = {"blocks": 5, "output": VECTOR, "epsilon": 1.0, "wall_seconds": 0.1, "cpu_seconds": 0.1}
    return carrel.black_box(data=online.dataset, **(asked | options))(shares)


def test_the_price_comes_before_anything(online: Online) -> None:
    price = boxed(online).price()
    assert price.epsilon == pytest.approx(1.0)
    assert price.approval == "review"
    assert set(price.plus_minus) == {"[0]", "[1]"}
    assert "mean over 5 blocks of shares() of shares.py" in str(price)
    dearer = boxed(online).price(epsilon=2.0, age_from=70)
    assert dearer.share > price.share
    rho = boxed(online, epsilon=None, rho=0.1).price()
    assert rho.rho == pytest.approx(0.1)


def test_from_the_asking_to_the_numbers(online: Online) -> None:
    boxes = Boxes(online.code, admit(online.code.app, "boxer", "black_box"))
    with pytest.raises(carrel.ReviewRequired) as waiting:
        boxed(online).run("how old they are")
    request = waiting.value.request
    assert isinstance(request, carrel.BlackBoxRequest)
    shown = online.reviewer.requests[request.id]
    assert "def shares(df" in str(shown)
    assert "blocks" in str(shown)
    shown.approve()
    job = boxes.claim(request.refresh().data.model_dump(mode="json"))
    assert dict(job.content.parameters) == {"age_from": OLD}
    assert "OLD = 65" in job.content.files[0].text
    assert boxes.answer(job).is_success
    boxes.due(job.run_id)
    result = online.researcher.requests[request.id].wait(30, progress=False)
    assert isinstance(result, carrel.BlackBoxResult)
    assert list(result) == [41.5, 0.25]
    assert (result.low, result.high) == ((30.0, -0.5), (50.0, 1.0))
    assert result[0] == 41.5
    assert len(result) == result.answer.blocks - 3
    assert result.cost.epsilon == pytest.approx(1.0)
    assert "41.5" in str(result)
    assert "Noise only" in str(result)
    assert "<table" in result._repr_html_()
    assert result.receipt is not None
    again = boxed(online).run()
    assert list(again) == [41.5, 0.25]
    assert again.cost.share == 0


def test_a_median_is_asked_for_priced_and_shown_by_ranks(online: Online) -> None:
    free = carrel.Vector(2, lower=0, upper=[100, 1])
    work = boxed(online, output=free, aggregate="median", blocks=100, epsilon=4.0)
    assert work.output.steps == 1000
    price = work.price()
    assert price.plus_minus == {"[0]": 9, "[1]": 9}
    assert "± 9 of 100 ranks" in str(price)
    assert "± 9 of 100 ranks" in repr(price)
    assert "median over 100 blocks of shares() of shares.py" in str(price)
    with pytest.raises(carrel.CarrelError, match="ask with epsilon or rho"):
        work.price(epsilon=None, within=1.0)
    with pytest.raises(carrel.CarrelError, match="at most 4097 points"):
        boxed(
            online, output=carrel.Vector(2, lower=0, upper=1, steps=5000), aggregate="median"
        ).price()
    with pytest.raises(carrel.InvalidInput, match="aggregate"):
        boxed(online, aggregate="mode").price()
    boxes = Boxes(online.code, admit(online.code.app, "boxer", "black_box"))
    request = work.submit("how old most are")
    shown = online.reviewer.requests[request.id]
    assert "the median over 100 blocks" in str(shown)
    shown.approve()
    job = boxes.claim(request.refresh().data.model_dump(mode="json"))
    assert job.content.aggregate == "median"
    assert job.content.output.steps == 1000
    answer = {
        "aggregate": "median",
        "blocks": 100,
        "values": [41.5, 0.25],
        "ranks": [[41, 60], [41, 60]],
        "confidence": 0.95,
        "noise": [each.model_dump() for each in job.content.noise],
        "released": [415, 250],
    }
    body = {"kind": "black_box", "claim_token": job.claim_token, "epoch": job.epoch}
    took = {"answer": answer, "cpu_ms": 10.0, "wall_ms": 20.0}
    assert boxes.worker.post(f"{job.run_id}/succeeded", body | took).is_success
    boxes.due(job.run_id)
    result = request.wait(30, progress=False)
    assert list(result) == [41.5, 0.25]
    assert result.aggregate == "median"
    assert (result.low, result.high) == (None, None)
    assert result.ranks == ((41, 60), (41, 60))
    assert "median over 100 blocks" in repr(result)
    for text in (str(result), result._repr_html_()):
        assert "median over blocks" in text
        assert "from rank" in text
        assert "60" in text
        assert "how far those are from each other is not known" in text


@pytest.mark.parametrize(
    ("returned", "counts"),
    [([50, 2.0], [50.0, 1.0]), ([-3, 0.5], [0.0, 0.5]), ([50], None), ("text", None), (None, None)],
)
def test_a_try_tells_what_a_block_would_count_as(
    online: Online, returned: Any, counts: list[float] | None
) -> None:
    content = json.dumps(returned).encode()
    thread = online.serve(
        lambda run_id: online.end_mock(run_id, [mock_item("result", "value", content)]) and None
    )
    if counts is None:
        with pytest.raises(carrel.MockFailed, match="2 finite numbers are expected"):
            boxed(online).mock(rows=20)
    else:
        assert boxed(online).mock(rows=20) == pytest.approx(counts)
    thread.join()


def test_a_black_box_is_the_plain_function_here(online: Online) -> None:
    import pandas as pd  # noqa: PLC0415

    assert boxed(online)(pd.DataFrame({"age": [60, 70]})) == [65.0, 0.5]


def test_mistakes_are_told_here(online: Online) -> None:
    with pytest.raises(carrel.InvalidInput, match="2 numbers, and 3 for upper"):
        carrel.Vector(2, lower=0, upper=[1, 2, 3])
    with pytest.raises(carrel.InvalidInput, match="steps"):
        carrel.Vector(1, lower=1, upper=1)
    with pytest.raises(carrel.InvalidInput, match="data"):
        carrel.black_box(output=VECTOR)
    with pytest.raises(carrel.InvalidInput, match="no privacy"):
        boxed(online, epsilon=None).price()
    with pytest.raises(carrel.InvalidInput, match="Choose one"):
        boxed(online, rho=1.0)
    with pytest.raises(carrel.InvalidInput, match="no parameter 'age'"):
        boxed(online).price(age=3)
    with pytest.raises(carrel.InvalidInput, match="'epsilon'"):
        carrel.black_box(data=online.dataset, output=VECTOR)(_taken)
    with pytest.raises(carrel.InvalidInput, match="3600 s is the most"):
        boxed(online, blocks=1000, wall_seconds=9).price()
    assert math.isfinite(VECTOR.step(1))


def _taken(df: Any, epsilon: float = 1) -> Any:
    return [epsilon, len(df)]


def test_a_returned_request_is_edited_and_sent_again(online: Online) -> None:
    request = boxed(online).submit("to see")
    shown = online.reviewer.requests[request.id]
    shown.return_("Fewer numbers, please.")
    with pytest.raises(carrel.ChangesRequested, match="Fewer numbers"):
        request.wait(5, progress=False)
    first = request.refresh().price
    narrow = carrel.Vector(2, lower=[40, 0], upper=[90, 1], steps=1000)
    edited = request.edit(boxed(online, blocks=8, output=narrow, epsilon=0.5), age_from=70)
    assert edited is request
    assert (request.state, request.data.round, request.purpose) == ("submitted", 2, "to see")
    assert request.price.share < first.share
    content = request.content
    assert isinstance(content, BlackBoxContent)
    assert (content.blocks, content.output, content.parameters["age_from"]) == (8, narrow, 70)
    request.edit(age_from=75, purpose="to be sure")
    assert request.content.parameters == {"age_from": 75}  # type: ignore[union-attr]
    assert (request.price.epsilon, request.purpose) == (pytest.approx(0.5), "to be sure")
    # A function without a privacy of its own keeps the request's.
    request.edit(boxed(online, epsilon=None))
    assert request.price.epsilon == pytest.approx(0.5)
    # Somebody who read an earlier round neither votes on it nor edits it.
    with pytest.raises(carrel.ContentChanged):
        shown.approve()
    stale = online.researcher.requests[request.id].refresh()
    request.edit(purpose="last words")
    with pytest.raises(carrel.ContentChanged):
        stale.edit(purpose="too late")
    shown.refresh().approve()
    assert request.refresh().state == "queued"
    with pytest.raises(carrel.InvalidTransition):
        request.edit(purpose="x")


def test_its_last_try_is_shown_to_whoever_reviews_it(online: Online) -> None:
    content = json.dumps([50, 0.5]).encode()
    thread = online.serve(
        lambda run_id: online.end_mock(run_id, [mock_item("result", "value", content)]) and None
    )
    box = boxed(online)
    box.mock(rows=20)
    thread.join()
    request = box.submit("tried")
    path = f"requests/{request.id}/code_review"
    assert online.reviewer._http.get(path, Review).mock_run is not None
    request.edit(boxed(online), age_from=70)
    assert online.reviewer._http.get(path, Review).mock_run is None
