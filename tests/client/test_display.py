"""How things print, in a terminal and in a notebook."""

import html.parser
import io
import re
from typing import Any

import pytest

import carrel
from carrel._display import cell, number, percent, plus_minus, text_table
from carrel._price import Budget, Price
from carrel._progress import ProgressLine, wanted
from carrel._request import Request, RequestData
from carrel._schema import MockTable
from carrel._wire import read
from carrel_protocol.api.datasets import Mock
from tests.client.made_up import ANSWER, PRICE, REQUEST, RUN, SCHEMA, dataset, site

EVIL = "<script>alert('x')</script>\x1b[2J&\"'"
GROUPED = {
    "group_by": ["region", "female"],
    "keys": [["north", True], ["<b>", False], [None, True]],
    "measures": [
        {
            "name": "n",
            "function": "count",
            "values": [1200, -3, 7],
            "low": [1170, -33, -23],
            "high": [1230, 27, 37],
        },
        {
            "name": "spend",
            "function": "avg",
            "values": [12.3456, 3.2, 0.0],
            "low": [11.1, -40.0, -50.0],
            "high": [13.7, 90.0, 50.0],
        },
    ],
    "primitives": [],
    "confidence": 0.95,
}


class Tags(html.parser.HTMLParser):
    """The tags of a document, balanced or not."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_html(document: str) -> None:
    tags = Tags()
    tags.feed(document)
    assert tags.open == []
    assert tags.seen <= {
        "div", "table", "thead", "tbody", "tr", "th", "td", "p", "strong", "small",
        "ul", "li", "code",
    }  # fmt: skip
    assert "\x1b" not in document


def result_of(answer: dict[str, Any], **changes: Any) -> carrel.Result:
    data = {**REQUEST, "run": {**RUN, "answer": answer}, **changes}
    return Request(site(), read(RequestData, data)).wait()


def everything_evil() -> list[Any]:
    columns = [
        {"type": "category", "name": "region", "categories": [EVIL], "description": EVIL},
        {"type": EVIL, "name": EVIL, "description": EVIL},
    ]
    answer = {**GROUPED, "keys": [[EVIL, EVIL], [1, 2], [3, 4]], "group_by": [EVIL, "x"]}
    person = {"id": "usr_2", "name": EVIL, "email": EVIL}
    vote = {
        "reviewer": person,
        "decision": "approve",
        "content_hash": "0",
        "reason": EVIL,
        "counts": False,
        "at": "2026-01-01T00:00:00Z",
    }
    request = {**REQUEST, "requester": person, "purpose": EVIL, "sql": EVIL, "votes": [vote]}
    account = {
        "id": "acc_1",
        "population": "p",
        "person": None,
        "limits": {"epsilon": 3},
        "orders": [{"order": o, "limit": 9, "spent": 1, "reserved": 0} for o in (4.0, 9.0)],
        "delta_limit": 1,
        "delta_spent": 0,
        "delta_reserved": 0,
        "epsilon_spent": 0.4,
        "share_spent": 0.25,
        "charges": 3,
        "raised": [
            {
                "at": "2026-01-01T00:00:00Z",
                "limits": {"epsilon": 2},
                "reason": EVIL,
                "after_answers": True,
            }
        ],
        "unbounded_outputs": 2,
        "last_unbounded_at": None,
        "statement": EVIL,
    }
    return [
        dataset(title=EVIL, description=EVIL, population=EVIL),
        dataset(table={**SCHEMA, "columns": columns}).schema,
        MockTable(Mock(columns=(EVIL,), rows=((EVIL,), (None,)))),
        read(Price, {**PRICE, "approval": EVIL, "expected_errors": [
            {"measure": EVIL, "plus_minus": 1.0, "confidence": 0.95, "expected": True}
        ]}),
        read(Budget, {"dataset": EVIL, "mine": account, "together_share_left": 0.5}),
        result_of(answer),
        Request(site(), read(RequestData, request)),
    ]  # fmt: skip


@pytest.mark.parametrize("thing", everything_evil(), ids=lambda thing: type(thing).__name__)
def test_html_is_escaped_and_terminals_are_not_obeyed(thing: Any) -> None:
    document = thing._repr_html_()
    assert "<script" not in document
    assert "&lt;script&gt;" in document
    check_html(document)
    assert "\x1b" not in str(thing)
    assert "\x1b" not in repr(thing)
    assert "\n" not in repr(thing)


def test_a_number_prints_with_its_interval_cost_and_confidence() -> None:
    result = result_of(ANSWER)
    assert repr(result) == "Result(4,231 ± 30 at 95 %; cost ε = 0.1 (1.2 % of the budget))"
    assert result.value == 4231
    assert result.interval == (4201, 4261)
    assert result.expected_error == 29.96
    assert "the added noise only" in str(result)
    assert "the added noise only" in result._repr_html_()


def test_an_answer_that_was_asked_before_cost_nothing() -> None:
    result = result_of(ANSWER, reused=True)
    assert result.cost.reused
    assert "cost nothing" in repr(result)


def test_rows_are_dicts_and_can_be_looked_up() -> None:
    result = result_of(GROUPED)
    assert len(result) == 3
    assert result.columns == ("region", "female", "n", "spend")
    assert next(iter(result)) == {"region": "north", "female": True, "n": 1200, "spend": 12.3456}
    assert result.at(region="north")["n"] == 1200
    assert result.at(region=None, female=True)["n"] == 7
    assert result.intervals[1]["n"] == (-33, 27)
    with pytest.raises(KeyError):
        result.at(region="moon")
    with pytest.raises(carrel.InvalidInput, match="2 rows"):
        result.at(female=True)
    with pytest.raises(carrel.InvalidInput, match="not grouped by age"):
        result.at(age=3)
    with pytest.raises(carrel.InvalidInput, match="not one number"):
        _ = result.value


def test_lopsided_intervals_show_both_ends() -> None:
    shown = str(result_of(GROUPED))
    assert "1,200 ± 30" in shown
    assert re.search(r"3\.?\d* \[-40, 90\]", shown)


def test_answers_become_data_frames() -> None:
    frame = result_of(GROUPED).to_pandas()
    assert list(frame.columns) == [
        "region", "female", "n", "n_low", "n_high", "spend", "spend_low", "spend_high",
    ]  # fmt: skip
    assert frame["n"].dtype == "int64"
    assert frame["spend"].dtype == "float64"
    assert frame["female"].dtype == "bool"
    assert frame["n"].tolist() == [1200, -3, 7]
    bare = result_of(ANSWER).to_pandas(intervals=False)
    assert bare.to_dict("records") == [{"n": 4231}]


def test_mock_rows_become_data_frames_that_keep_missing_whole_numbers() -> None:
    mock = MockTable(
        Mock(columns=("age", "female", "x"), rows=((70, True, 1.5), (None, None, None)))
    )
    frame = mock.to_pandas()
    assert [str(t) for t in frame.dtypes] == ["Int64", "boolean", "float64"]
    assert list(mock) == [
        {"age": 70, "female": True, "x": 1.5},
        {"age": None, "female": None, "x": None},
    ]
    assert MockTable(Mock(columns=("a", "b"), rows=())).to_pandas().shape == (0, 2)


def test_without_pandas_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        result_of(ANSWER).to_pandas()


def test_a_schema_lists_domains_keys_and_bounds() -> None:
    schema = dataset().schema
    assert schema["AGE"].keys == 122  # 0 to 120, and null
    assert schema["drugexp"].keys is None
    assert schema["female"].keys == 2
    assert schema["region"].domain == "'a', 'b', 'c', 'd', 'e' and 2 more"
    assert "region" in schema
    assert "person" not in schema
    with pytest.raises(KeyError, match="the columns are age"):
        schema["agee"]
    text = str(schema)
    assert "0 to 120" in text
    assert "at most 1 row of a unit" in text


def test_prices_say_what_is_left_and_what_happens_next() -> None:
    text = str(read(Price, PRICE))
    assert "1.2 % of your budget" in text
    assert "90 % would be left" in text
    assert "± 30" in text
    assert "approved at once" in text
    poor = read(Price, {**PRICE, "affordable": False, "approval": "review"})
    assert "more than is left" in str(poor)
    assert "a person has to approve" in str(poor)


def test_a_vote_needs_a_look_first() -> None:
    data = read(RequestData, REQUEST)
    brief = carrel.Request(site(), None, data)  # type: ignore[arg-type]
    with pytest.raises(carrel.InvalidInput, match="not looked at"):
        brief.approve()


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (4231, None, "4,231"),
        (4231, 29.9, "4,231"),
        (1234.5678, 12.3, "1,235"),
        (0.123456, 0.034, "0.123"),
        (0.0, 50.0, "0"),
        (1e9, None, "1,000,000,000"),
        (0.00012345, None, "0.0001234"),
        (float("inf"), None, "inf"),
    ],
)
def test_numbers_have_no_more_digits_than_their_error_leaves(
    value: float, error: float | None, text: str
) -> None:
    assert number(value, error) == text


def test_small_things() -> None:
    assert percent(0.5) == "50 %"
    assert percent(0.00001) == "0.001 %"
    assert percent(1e-9) == "less than 0.001 %"
    assert percent(0.99999) == "99.9 %"
    assert percent(1.0) == "100 %"
    assert plus_minus(0.0345) == "0.035"
    assert cell(None) == "–"
    assert cell(True) == "true"
    assert text_table(("a",), []) == "a"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("argument", "variable", "terminal", "shown"),
    [
        (None, None, True, True),
        (None, None, False, False),
        (None, "0", True, False),
        (None, "off", True, False),
        (None, "1", False, True),
        (False, "1", True, False),
        (True, "0", False, True),
    ],
)
def test_who_decides_about_the_progress_line(
    monkeypatch: pytest.MonkeyPatch,
    argument: bool | None,
    variable: str | None,
    terminal: bool,
    shown: bool,
) -> None:
    if variable is None:
        monkeypatch.delenv("CARREL_PROGRESS", raising=False)
    else:
        monkeypatch.setenv("CARREL_PROGRESS", variable)
    assert wanted(argument, Terminal() if terminal else io.StringIO()) is shown


def test_the_progress_line_leaves_nothing_behind() -> None:
    stream = Terminal()
    with ProgressLine(True, stream) as line:
        line.show("running", 0.5)
        assert stream.getvalue() == ""  # most answers come before it is worth showing
        line._began -= 5
        line.show("running", 0.5)
        assert "50%" in stream.getvalue()
        line.show("waiting")
    last = stream.getvalue().split("\r")
    assert last[-1] == ""
    assert last[-2].strip() == ""
