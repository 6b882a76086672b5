"""Reading numbers out of texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carrel_protocol.written import numbers_in, significant


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", []),
        ("north", []),
        ("v12.5", [12.5]),
        ("12,345.67 EUR", [12345.67]),
        ("12'345", [12345.0]),
        ("12,5 %", [12.5]),
        ("1.234,5", [1234.5]),
        ("(17.9, 36.0]", [17.9, 36.0]),
        ("-3 to +4", [-3.0, 4.0]),
        ("1e3", [1000.0]),
        ("2019-01-05", [2019.0, -1.0, -5.0]),
        ("1.2.3", []),
        ("1e999", []),
        ("\u0663\u0664", [34.0]),
        ("9" * 41, []),
    ],
)
def test_what_people_read(text: str, numbers: list[float]) -> None:
    assert list(numbers_in(text)) == numbers


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    assert all(significant(number) >= 0 for number in numbers_in(text))


@given(st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-4))
def test_a_number_is_found_as_it_was_written(number: float) -> None:
    assert list(numbers_in(f"x {number!r} y")) == [number]
