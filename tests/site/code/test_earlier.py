"""The version that was approved before: whose it is, and that no other can pose as it."""

from typing import Any

import pytest

from carrel_protocol.api.common import Role
from tests.factories import make_access, make_member
from tests.site.code.code_site import SOURCE, CodeSite

LATER = [{"path": "analysis.py", "text": SOURCE + "# a word more\n"}]
REACH = {"bounds": {"age_from": {"kind": "number", "lower": 0, "upper": 90}}, "runs": 5, "days": 3}


def earlier(code: CodeSite, request: Any) -> Any:
    found = code.ok(code.app.reviewer, "GET", f"/requests/{request['id']}/code_review")
    return found["approved_before"]


def test_it_says_whose_it_is_and_who_approved_it(code: CodeSite) -> None:
    first = code.asked(dataset=code.strict)
    for reviewer in (code.app.reviewer, code.other):
        assert code.vote(reviewer, first).is_success
    before = earlier(code, code.asked(dataset=code.strict, files=LATER))
    assert before["request_id"] == first["id"]
    assert before["requester"]["id"] == code.app.researcher.id
    voted = {person["id"] for person in before["approved_by"]}
    assert voted == {code.app.reviewer.id, code.other.id}
    assert before["differs"] == []


def test_it_says_what_differs_beside_the_files(code: CodeSite) -> None:
    code.approved()
    later = code.asked(
        files=LATER,
        parameters={"age_from": 18.0},  # which equals 18, and is another type
        limits=code.limits(memory_bytes=2**29),
        reach=REACH,
        purpose="Something else",
    )
    assert set(earlier(code, later)["differs"]) == {"parameters", "limits", "reach", "purpose"}


def test_other_data_under_the_same_name_are_another_program(code: CodeSite) -> None:
    """Else a program approved for one table would pass for one of the other."""
    code.approved()
    assert earlier(code, code.asked(dataset=code.strict, files=LATER)) is None
    both = {"df": code.data, "more": code.strict}
    assert earlier(code, code.asked(data=both, files=LATER)) is None
    assert earlier(code, code.asked(data={"table": code.data}, files=LATER)) is None


def test_names_of_two_datasets_exchanged_are_another_program(code: CodeSite) -> None:
    request = code.asked(data={"a": code.data, "b": code.strict})
    for reviewer in (code.app.reviewer, code.other):
        assert code.vote(reviewer, request).is_success
    same = code.asked(data={"a": code.data, "b": code.strict}, files=LATER)
    assert earlier(code, same)["request_id"] == request["id"]
    assert earlier(code, code.asked(data={"a": code.strict, "b": code.data}, files=LATER)) is None


def test_a_colleagues_version_is_not_ones_own(code: CodeSite) -> None:
    def join(session: Any) -> Any:
        colleague = make_member(session, Role.RESEARCHER)
        make_access(session, code.app.owner.id, code.data, colleague.id)
        return colleague

    colleague = code.app.site.db.transact(join)
    theirs = code.ask(who=colleague).json()
    assert code.vote(code.app.reviewer, theirs).is_success
    assert earlier(code, code.asked(files=LATER)) is None


def test_what_nobody_voted_for_counts_for_nothing(code: CodeSite) -> None:
    undecided = code.asked()
    refused = code.asked(parameters={"age_from": 20})
    assert code.vote(code.app.reviewer, refused, "reject").is_success
    withdrawn = code.asked(parameters={"age_from": 21})
    code.ok(code.app.researcher, "POST", f"/requests/{withdrawn['id']}/withdraw")
    later = code.asked(files=LATER)
    assert earlier(code, later) is None
    # Nor does what another approval covers, which is no other program than that.
    root = code.approved(reach=REACH, parameters={"age_from": 30})
    covered = code.asked(reach=REACH, parameters={"age_from": 40})
    assert covered["run"] is not None
    assert earlier(code, later)["request_id"] == root["id"]
    assert undecided["id"] != root["id"]


def test_the_version_approved_last_however_long_ago_it_was_asked(code: CodeSite) -> None:
    old = code.asked(parameters={"age_from": 20})
    new = code.asked(parameters={"age_from": 21})
    under_review = code.asked(files=LATER)
    assert code.vote(code.app.reviewer, new).is_success
    assert earlier(code, under_review)["request_id"] == new["id"]
    assert code.vote(code.app.reviewer, old).is_success
    assert earlier(code, under_review)["request_id"] == old["id"]
    # One that is approved itself keeps showing what had been approved by then.
    assert earlier(code, new) is None
    assert earlier(code, old)["request_id"] == new["id"]


@pytest.mark.parametrize(
    "change",
    [
        # of a harmless program that nobody approved, to make a small difference of a large one
        "content = jsonb_set(content, '{files,0,text}', '\"x = 1\"')",
        "content_hash = repeat('0', 64)",
        "requester_id = :other",
    ],
)
def test_what_is_stored_otherwise_than_it_was_approved_is_nothing_to_go_by(
    code: CodeSite, change: str
) -> None:
    first = code.approved()
    later = code.asked(files=LATER)
    assert earlier(code, later)["request_id"] == first["id"]
    parameters = {"other": code.other.id} if ":other" in change else {}
    code.execute(f"UPDATE requests SET {change} WHERE id = :id", id=first["id"], **parameters)
    assert earlier(code, later) is None


def test_another_program_stored_under_its_lineage_is_not_it(code: CodeSite) -> None:
    other = code.asked(
        entry={"kind": "function", "path": "analysis.py", "name": "other"},
        files=[{"path": "analysis.py", "text": "def other(df, age_from=1): return 1"}],
    )
    assert code.vote(code.app.reviewer, other).is_success
    later = code.asked(files=LATER)
    code.execute(
        "UPDATE requests SET lineage = (SELECT lineage FROM requests WHERE id = :later)"
        " WHERE id = :other",
        later=later["id"],
        other=other["id"],
    )
    assert earlier(code, later) is None
