"""Parameters of code: what an approval says is what a run gets."""

from typing import Any

import pytest
from pydantic import ValidationError

from carrel_protocol.code import ChoiceBound, MockCode, NumberBound

PROGRAM: dict[str, Any] = {
    "entry": {"kind": "script", "path": "a.py"},
    "files": [{"path": "a.py", "text": "pass\n"}],
    "environment": {"name": "default", "lock_hash": "0" * 64},
    "limits": {},
    "data": [
        {
            "alias": "df",
            "table": {
                "unit_column": "person",
                "columns": [{"type": "boolean", "name": "female"}],
                "size": {"rows": 10, "units": 10},
            },
            "rows": [],
        }
    ],
}


def program(value: Any) -> MockCode:
    return MockCode.model_validate({**PROGRAM, "parameters": {"x": value}})


@pytest.mark.parametrize(
    "value", [1, 0, True, False, 1.5, "1", "true", None, 2**53 - 1, -(2**53) + 1, 1e-300]
)
def test_a_parameter_arrives_as_the_type_it_was_given(value: Any) -> None:
    for read in (program(value), MockCode.model_validate_json(program(value).model_dump_json())):
        got = read.parameters["x"]
        assert (type(got), got) == (type(value), value)
    (each,) = program([value]).parameters["x"]  # type: ignore[misc]
    assert (type(each), each) == (type(value), value)


def test_numbers_with_the_same_canonical_form_are_the_same_value() -> None:
    assert repr(program(18.0).parameters["x"]) == repr(program(18).parameters["x"]) == "18"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": 1}, [[1]], 1e300, 2**53])
def test_what_has_no_json_form_is_no_parameter(value: Any) -> None:
    with pytest.raises(ValidationError):
        program(value)


def test_bounds_tell_numbers_from_truth_values() -> None:
    ages = NumberBound(lower=0, upper=90, whole=True)
    assert ages.admits(18)
    assert not ages.admits(True)
    assert not ages.admits(18.5)
    assert not ages.admits("18")
    assert not ages.admits(None)
    one = ChoiceBound(values=(1, "a"))
    assert one.admits(1)
    assert not one.admits(True)
