"""A request that is given several datasets is in the list of each."""

from typing import Any

import pytest

from tests.factories import Member
from tests.site.code.code_site import SOURCE, CodeSite


def listed(code: CodeSite, who: Member, dataset: str, limit: int = 50, **query: Any) -> list[str]:
    """The ids in a list, followed over its pages."""
    found, cursor = [], None
    while True:
        asked = {"dataset": dataset, "limit": limit, **query}
        if cursor:
            asked["cursor"] = cursor
        page = code.ok(who, "GET", "/requests", params=asked)
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def ask(code: CodeSite, data: dict[str, str], number: int) -> str:
    files = [{"path": "analysis.py", "text": f"{SOURCE}# {number}\n"}]
    return str(code.asked(data=data, files=files)["id"])


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_it_is_found_under_each_once_and_in_order(code: CodeSite, limit: int) -> None:
    one, other = {"df": code.data}, {"df": code.strict}
    both, turned = one | {"more": code.strict}, other | {"more": code.data}
    twice = one | {"again": code.data}
    asked = [
        ask(code, data, number) for number, data in enumerate((one, both, other, turned, twice))
    ]
    for who in (code.app.reviewer, code.app.owner, code.app.researcher):
        of_one, of_other = [asked[n] for n in (4, 3, 1, 0)], [asked[n] for n in (3, 2, 1)]
        assert listed(code, who, code.data, limit) == of_one
        assert listed(code, who, code.strict, limit) == of_other
        dataset = code.execute("SELECT id FROM datasets WHERE name = :n", n=code.strict)
        assert listed(code, who, dataset, limit) == of_other
    waiting = {"to_review": True, "sort": "oldest"}
    assert listed(code, code.app.reviewer, code.strict, limit, **waiting) == of_other[::-1]


def test_other_conditions_hold_under_each(code: CodeSite) -> None:
    both = {"df": code.data, "more": code.strict}
    kept, gone = ask(code, both, 1), ask(code, both, 2)
    code.ok(code.app.researcher, "POST", f"/requests/{gone}/withdraw")
    for dataset in both.values():
        assert listed(code, code.app.reviewer, dataset, state="withdrawn") == [gone]
        assert listed(code, code.app.reviewer, dataset, state="submitted") == [kept]
        assert listed(code, code.app.reviewer, dataset, requester=code.app.researcher.email) == [
            gone,
            kept,
        ]
        # Who may not see a request does not find it by its other dataset either.
        assert listed(code, code.app.reviewer, dataset, mine=True) == []


def test_runs_on_made_up_rows_take_no_place_among_the_sites_runs(code: CodeSite) -> None:
    run = code.approved()["run"]["id"]
    for age in (20, 21, 22):
        body = code.program(parameters={"age_from": age})
        code.ok(code.app.researcher, "POST", "/mock_runs", json=body)
    for who in (code.app.owner, code.app.reviewer):
        page = code.ok(who, "GET", "/runs", params={"limit": 2})
        assert ([item["id"] for item in page["items"]], page["next_cursor"]) == ([run], None)
