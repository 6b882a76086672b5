"""Canonical JSON against the reference implementation, and digests that cannot be confused."""

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from carrel_protocol.canonical import canonical_json, tagged_hash, tagged_hmac

text = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | integers | numbers | text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5),
    max_leaves=20,
)


@given(values)
@example({"\U0001f600": 1, "\ufb33": 2, "a": 3, "": 4})  # UTF-16 order is not code point order
def test_it_is_rfc_8785(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(numbers)
@example(-0.0)
@example(5e-324)
@example(1.7976931348623157e308)
@example(1e21)
@example(1e20)
@example(1e-6)
@example(1e-7)
@example(333333333.33333329)
@example(9007199254740993.0)
def test_numbers_are_rfc_8785s(number: float) -> None:
    assert canonical_json(number) == rfc8785.dumps(number)
    assert float(canonical_json(number)) == number


@given(values)
def test_it_reads_back(value: Any) -> None:
    # JSON knows one kind of number: beyond 2^53 it is a float, written like an integer.
    read = json.loads(
        canonical_json(value),
        parse_int=lambda text: int(text) if abs(int(text)) < 2**53 else float(text),
    )
    assert canonical_json(read) == canonical_json(value)


@given(st.dictionaries(text, integers, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert canonical_json(backwards) == canonical_json(value)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        2**53,
        -(2**53),
        "\ud800",
        {1: 2},
        {"a": {None: 1}},
        {1, 2},
        b"x",
    ],
)
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_json(value)
    with pytest.raises(ValueError, match=r".+"):
        canonical_json(["deep", {"er": value}])


@given(text, text, values, values)
def test_digests_differ_unless_tag_and_value_are_the_same(
    tag: str, other_tag: str, value: Any, other: Any
) -> None:
    same = tag == other_tag and canonical_json(value) == canonical_json(other)
    assert (tagged_hash(tag, value) == tagged_hash(other_tag, other)) == same
    key = b"k" * 32
    assert (tagged_hmac(key, tag, value) == tagged_hmac(key, other_tag, other)) == same
    assert tagged_hmac(b"l" * 32, tag, value) != tagged_hmac(key, tag, value)
    assert tagged_hmac(key, tag, value) != tagged_hash(tag, value)


def test_a_tags_end_cannot_be_moved_into_the_value() -> None:
    assert tagged_hash("a", "1") != tagged_hash('a"', 1)
    assert tagged_hash("a1", 2) != tagged_hash("a", 12)
    # Pinned: a change of form would orphan every stored digest.
    assert tagged_hash("test/1", {"b": [1, 2.5, None], "a": "é"}) == (
        "715be18c584f7c89d27beec487280825459d32f76fe346b1b6917c1e0be4c34a"
    )
