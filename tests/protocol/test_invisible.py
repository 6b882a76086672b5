"""The one table of characters that no reader would see, and what refuses them."""

import sys
import unicodedata
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from carrel_protocol.api.requests import Decision
from carrel_protocol.base import plain, readable
from carrel_protocol.code import ParameterValue, SourceFile
from carrel_protocol.invisible import IGNORABLE, described, hidden_in, is_hidden, shown

HIDDEN = [
    *"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200c\u200d\u200e\u202e",
    *"\u2060\u2065\u2066\u206f\u2800\u3164\ufe00\ufe0e\ufe0f\ufeff\uffa0\ufff0\ufff9\ufffc",
    *"\U0001bca0\U0001d159\U0001d173\U000e0000\U000e0041\U000e0100\U000e01ef\U000e0fff",
    *"\x00\x0b\x0c\r\x1b\x7f\x85\u2028\u2029\ue000\U0010ffff\ufdd0\U000f0000\u0378",
]


def test_the_table_is_unicode_s() -> None:
    # The property has 4174 characters in DerivedCoreProperties-16.0.0.txt.
    assert sum(last - first + 1 for first, last in IGNORABLE) == 4174
    assert list(IGNORABLE) == sorted(IGNORABLE)
    assert all(is_hidden(chr(n)) for first, last in IGNORABLE for n in range(first, last + 1))


def test_every_character_is_one_or_the_other() -> None:
    hidden = {n for n in range(sys.maxunicode + 1) if is_hidden(chr(n))}
    for number in hidden ^ {
        n
        for n in range(sys.maxunicode + 1)
        if unicodedata.category(chr(n)) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    }:
        # Beside whole categories: letters, marks and symbols that show nothing; tab and line feed.
        listed = any(first <= number <= last for first, last in IGNORABLE)
        assert listed or chr(number) in "\n\t\u2800\ufffc\U0001d159", hex(number)


@pytest.mark.parametrize("character", HIDDEN, ids=ascii)
def test_what_cannot_be_seen_is_in_no_program_and_no_parameter(character: str) -> None:
    text = f"def work(df):\n    return 'a{character}b'\n"
    number = rf"U\+{ord(character):04X} "
    with pytest.raises(ValueError, match=rf"line 2, column 14: the character {number}"):
        plain(text)
    parameter: TypeAdapter[Any] = TypeAdapter(ParameterValue)
    for make in (
        lambda: SourceFile(path="a.py", text=text),
        lambda: parameter.validate_python(f"a{character}b"),
        lambda: parameter.validate_python((f"a{character}b",)),
    ):
        with pytest.raises(ValidationError, match=number):
            make()
    assert [each[1:] for each in hidden_in(text)] == [(2, 14)]
    assert shown(f"a{character}b") == "a\ufffdb"
    assert character not in described(character)


@pytest.mark.parametrize("text", ["Zürich: 東京, שלום\n\tn = 1 €", "a\u00a0b\u3000c", "e\u0301"])
def test_what_can_be_seen(text: str) -> None:
    assert plain(text) == readable(text) == shown(text) == text
    assert SourceFile(path="a.py", text=f"# {text}\r\n").text == f"# {text}\n"


def test_prose_may_hold_what_writes_words_and_emoji() -> None:
    for text in ("می\u200cخواهم", "👩\u200d🔬", "❤\ufe0f", "☎\ufe0e", "1\ufe0f\u20e3"):
        assert Decision(content_hash="h", reason=text).reason == text


@pytest.mark.parametrize(
    "text",
    ["Ada\ufe0f", "e\u0301\ufe0f", " \ufe0f", "\ufe0f", "❤\ufe0f\ufe0f", "❤\ufe00", "a\U000e0100"],
)
def test_but_no_selector_that_selects_nothing(text: str) -> None:
    with pytest.raises(ValidationError, match="cannot be seen"):
        Decision(content_hash="h", reason=text)
