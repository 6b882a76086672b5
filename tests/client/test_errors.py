"""The exception tree, and how errors read."""

import re

import pytest

import carrel
from carrel import _errors
from carrel._errors import class_for
from carrel_protocol.errors import ErrorCode


def drawn_tree() -> dict[str, str]:
    """Each class in the docstring's drawing, with the class it hangs from."""
    above: list[tuple[int, str]] = []
    tree = {}
    for line in (_errors.__doc__ or "").splitlines():
        found = re.match(r"^(\W*)([A-Z]\w+)( {2,}.*)?$", line)
        if found is None or (not found[1].strip() and found[2] != "CarrelError"):
            continue
        depth = len(found[1])
        while above and above[-1][0] >= depth:
            above.pop()
        if above:
            tree[found[2]] = above[-1][1]
        above.append((depth, found[2]))
    return tree


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {}
    for name in carrel.__all__:
        value = getattr(carrel, name)
        if isinstance(value, type) and issubclass(value, carrel.CarrelError):
            public = [c.__name__ for c in value.__mro__ if c.__name__ in carrel.__all__]
            if len(public) > 1:
                real[name] = public[1]
    assert drawn_tree() == real


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_has_a_class(code: ErrorCode) -> None:
    # The status is one that no table knows, so the code alone must decide.
    kind = class_for(code.value, 418)
    assert kind is not carrel.UnknownProblem


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, carrel.NotSignedIn),
        (403, carrel.Forbidden),
        (404, carrel.NotFound),
        (409, carrel.Conflict),
        (422, carrel.InvalidInput),
        (429, carrel.RateLimited),
        (500, carrel.SiteBroken),
        (503, carrel.SiteUnavailable),
        (418, carrel.UnknownProblem),
    ],
)
def test_a_code_from_a_newer_site_falls_back_on_its_status(
    status: int, kind: type[carrel.CarrelError]
) -> None:
    assert class_for("invented_next_year", status) is kind
    assert class_for(None, status) is kind


def test_a_message_says_what_happened_what_to_do_and_how_to_find_it_in_the_logs() -> None:
    error = carrel.BudgetExceeded(
        "This costs 12 % of your budget and 3 % is left.",
        status_code=409,
        code="budget_exceeded",
        request_id="abc123",
    )
    said = str(error)
    assert "This costs 12 %" in said
    assert "smaller epsilon" in said
    assert "HTTP 409" in said
    assert "abc123" in said


def test_the_site_s_advice_goes_before_the_client_s() -> None:
    error = carrel.BudgetExceeded("x", advice="Ask Ada.")
    assert str(error) == "x\nAsk Ada."


def test_wait_timeout_is_a_timeout_error() -> None:
    with pytest.raises(TimeoutError):
        raise carrel.WaitTimeout("still queued")


def test_sql_is_shown_with_a_caret_under_each_place() -> None:
    error = carrel.QueryNotAllowed(
        "line 2, column 7: no; line 1, column 8: no",
        errors=(
            {"line": 1, "column": 8, "message": "MEDIAN is not allowed; use AVG"},
            {"line": 2, "column": 7, "message": "there is no column 'agee'; did you mean 'age'?"},
        ),
    )
    error.sql = "SELECT MEDIAN(income) FROM meps\nWHERE agee > 70"
    assert str(error).splitlines() == [
        "This question cannot be asked:",
        "     1 | SELECT MEDIAN(income) FROM meps",
        "                ^ MEDIAN is not allowed; use AVG",
        "     2 | WHERE agee > 70",
        "               ^ there is no column 'agee'; did you mean 'age'?",
    ]


def test_carets_keep_their_place_behind_tabs_and_in_long_lines() -> None:
    error = carrel.QueryNotAllowed("x", errors=({"line": 1, "column": 3, "message": "here"},))
    error.sql = "\t\tSELECT"
    assert str(error).splitlines()[1:] == ["  \t\tSELECT", "  \t\t^ here"]

    error = carrel.QueryNotAllowed("x", errors=({"line": 1, "column": 301, "message": "here"},))
    error.sql = "a" * 300 + "B" + "c" * 300
    quoted, caret = str(error).splitlines()[1:]
    assert len(quoted) <= 102
    assert quoted[caret.index("^")] == "B"


@pytest.mark.parametrize(
    "place",
    [{}, {"line": 9, "column": 1}, {"line": "1", "column": None}, {"line": 0, "column": 0}],
)
def test_a_place_outside_the_text_still_gives_its_message(place: dict[str, object]) -> None:
    error = carrel.QueryNotAllowed("x", errors=({**place, "message": "what is wrong"},))
    error.sql = "SELECT 1"
    assert "what is wrong" in str(error)


def test_a_column_behind_the_end_points_behind_the_end() -> None:
    error = carrel.QueryNotAllowed("x", errors=({"line": 1, "column": 999, "message": "more"},))
    error.sql = "SELECT"
    assert str(error).splitlines()[1:] == ["  SELECT", "        ^ more"]
