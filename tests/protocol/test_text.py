"""Text that people read holds nothing that they cannot see."""

from typing import Any

import pytest
from pydantic import ValidationError

from carrel_protocol.api.accounts import KeyCreate, UserUpdate
from carrel_protocol.api.budgets import Raise
from carrel_protocol.api.datasets import CommentText, DatasetUpdate, PopulationCreate
from carrel_protocol.api.requests import Decision, ReasonedDecision, RequestCreate, RequestEdit
from carrel_protocol.base import Sent
from carrel_protocol.schema import BooleanColumn

ASK = {"dataset": "d", "target": {"kind": "epsilon", "epsilon": 1.0}}
PLACES: list[tuple[type[Sent], str, dict[str, Any]]] = [
    (KeyCreate, "label", {}),
    (UserUpdate, "name", {}),
    (Raise, "reason", {"epsilon": 1}),
    (CommentText, "text", {}),
    (DatasetUpdate, "title", {}),
    (DatasetUpdate, "description", {}),
    (
        PopulationCreate,
        "description",
        {"name": "p", "together": {"epsilon": 1}, "each": {"epsilon": 1}},
    ),
    (RequestCreate, "purpose", ASK),
    (RequestEdit, "purpose", {}),
    (Decision, "reason", {"content_hash": "h"}),
    (ReasonedDecision, "reason", {"content_hash": "h"}),
    (BooleanColumn, "description", {"name": "b"}),
]


@pytest.mark.parametrize(("model", "field", "rest"), PLACES)
def test_hidden_characters_are_refused_wherever_people_read(
    model: type[Sent], field: str, rest: dict[str, Any]
) -> None:
    for shown in ("Zürich: 東京, שלום\n\tn = 1 € 👩\u200d🔬", "می\u200cخواهم"):
        assert getattr(model.model_validate({**rest, field: shown}), field) == shown
    with pytest.raises(ValidationError, match=r"U\+202E \(right-to-left override\)"):
        model.model_validate({**rest, field: "pay \u202e001 now"})


@pytest.mark.parametrize(
    "hidden", [*"\u061c\u200e\u200f\u202a\u2066\u2069\u200b\u2060\ufeff\u00ad\x00\x1b\x7f\x85\r"]
)
def test_what_cannot_be_seen(hidden: str) -> None:
    with pytest.raises(ValidationError, match=rf"U\+{ord(hidden):04X}"):
        CommentText(text=f"a{hidden}b")


def test_windows_line_ends_become_line_feeds() -> None:
    assert CommentText(text="a\r\nb").text == "a\nb"


def test_lengths_count_what_is_left_when_space_is_cut_off() -> None:
    assert CommentText(text=" " * 5000 + "a\n").text == "a"
    for text in ("   ", "é" * 4001):
        with pytest.raises(ValidationError, match=r"at (least|most)"):
            CommentText(text=text)
    with pytest.raises(ValidationError, match="at most 200 characters"):
        DatasetUpdate(title="é" * 201)
