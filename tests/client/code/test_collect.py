"""What is sent of a function: its text, with all it names, or a refusal that shows the line."""

# ruff: noqa: E731

import linecache
import math
import subprocess
import sys
import types
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import carrel
from carrel._code_collect import Allowed, collect, function_source
from tests.client.code import helpers
from tests.client.code.helpers import clean, scaled, set_up, with_rates

ROOT = Path(__file__).parents[3]
ALLOWED = Allowed("default", frozenset({"numpy", "pandas"}))
LIMIT = 65
BAD = np.arange(3)
LONG = "x" * 20_000
shorten = lambda df: df.head()


def sent(function: Any, allowed: Allowed = ALLOWED) -> str:
    return collect(function, allowed)


def refusal(function: Any, allowed: Allowed = ALLOWED) -> str:
    """What is said of it, when it is decorated or when it is sent."""
    try:
        function_source(function)
    except carrel.CodeNotAllowed as error:
        return str(error)
    with pytest.raises(carrel.CodeNotAllowed) as caught:
        collect(function, allowed)
    return str(caught.value)


def mean(df: pd.DataFrame, age_from: int = 65) -> "pd.Series[float]":
    """By sex."""
    # A remark that a reviewer reads.
    old = df[df.age >= age_from]
    return old.groupby("female")["drugexp"].mean()


def test_the_text_is_the_function_as_it_was_written() -> None:
    assert sent(mean) == (
        "from __future__ import annotations\n"
        "\n\n"
        'def mean(df: pd.DataFrame, age_from: int = 65) -> "pd.Series[float]":\n'
        '    """By sex."""\n'
        "    # A remark that a reviewer reads.\n"
        "    old = df[df.age >= age_from]\n"
        '    return old.groupby("female")["drugexp"].mean()\n'
    )


def whole(df):
    return np.log(scaled(clean(df))) + math.pi + LIMIT + pd.Timestamp(0).year


def test_helpers_constants_and_imports_come_along_and_it_runs() -> None:
    text = sent(whole)
    assert text.startswith(
        "import math\nimport numpy as np\nimport pandas as pd\n\n"
        "CUT = 65\nWEIGHTS = {'a': 1.5, 'b': float(\"inf\"), 'c': (1, 2)}\nLIMIT = 65\n\n\n"
        "def clean(df):\n"
    )
    names: dict[str, Any] = {}
    exec(compile(text, "<sent>", "exec"), names)
    df = pd.DataFrame({"age": [60, 70], "drugexp": [1.0, 20.0]})
    assert names["whole"](df) == whole(df)
    assert text == sent(whole)


def test_the_text_is_the_same_in_another_process() -> None:
    code = (
        "from tests.client.code.test_collect import *\n"
        "print(sent(whole), end='')\nprint(sent(settings), end='')"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert runs == {sent(whole) + sent(settings)}


CHOICE = {"b", "a", "d", "c"}


def settings(df):
    return set_up(df)[df.sex.isin(CHOICE)]


def test_classes_come_along_with_what_they_name() -> None:
    text = sent(settings)
    assert text.index("CUT = 65") < text.index("class Settings:") < text.index("def set_up(df):")
    assert "CHOICE = {'a', 'b', 'c', 'd'}\n" in text
    exec(compile(text, "<sent>", "exec"), {})


def recursive(n):
    return 1 if n < 1 else n * recursive(n - 1)


def test_a_function_may_name_itself() -> None:
    assert sent(recursive).count("def recursive") == 1


def test_calling_a_decorated_function_is_calling_it() -> None:
    from tests.client.made_up import dataset  # noqa: PLC0415

    @carrel.function(data=dataset())
    def work(df):
        return df.drugexp.sum()

    assert work(pd.DataFrame({"drugexp": [1, 2]})) == 3
    assert work.__name__ == "work"
    assert sent(work.function) == "def work(df):\n    return df.drugexp.sum()\n"


# What is refused


def makes_closure() -> Callable[..., Any]:
    frame = pd.DataFrame()

    def inner(df):
        return df.merge(frame)

    return inner


def bad_global(df):
    return df.drugexp * BAD


def long_constant(df):
    return LONG


def foreign(df):
    import torch  # noqa: PLC0415

    return torch.tensor(df)


def unknown(df):
    return df + missing_name  # noqa: F821


def uses_lambda(df):
    return shorten(df)


def gives(df):
    yield df


async def waits(df):
    return df


def stars(df, *more):
    return df


def keywords(df, **more):
    return df


def changes(df):
    global LIMIT  # noqa: PLW0603
    LIMIT = df.age.max()


def package_of_tests(df):
    return pytest.approx(df)


def own_module(df):
    return helpers.clean(df)


def CUT(df):  # noqa: N802
    return clean(df)


@lru_cache
def cached(df):
    return df


def uses_cached(df):
    return cached(df)


def keep(function: Any) -> Any:
    return function


@keep
def registered(df):
    return df


@pytest.mark.parametrize(
    ("function", "line", "said"),
    [
        (makes_closure(), "return df.merge(frame)", "frame comes from the function around inner"),
        (bad_global, "return df.drugexp * BAD", "BAD is a ndarray from outside"),
        (long_constant, "return LONG", "LONG is a constant of 20,"),
        (foreign, "import torch", "torch is not in the environment 'default'"),
        (unknown, "return df + missing_name", "missing_name is not defined"),
        (uses_lambda, "return shorten(df)", "shorten is a lambda"),
        (gives, "def gives(df):", "generator"),
        (stars, "def stars(df, *more):", "*more takes any number"),
        (keywords, "def keywords(df, **more):", "**more takes any number"),
        (changes, "global LIMIT", "LIMIT outside the function is changed"),
        (package_of_tests, "import pytest", "pytest is not in the environment"),
        (own_module, "from tests.client.code import helpers", "not in the environment"),
        (CUT, "return df[df.age >= CUT]", "CUT means something else in another part"),
        (uses_cached, "return cached(df)", "cached is a _lru_cache_wrapper from outside"),
        (registered, "@keep", "decorator beside carrel's own"),
        (with_rates, "return df.drugexp * RATES", "RATES is a ndarray"),
        (lambda df: df, "lambda df: df", "a lambda has no name"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_refusals_show_the_line_with_a_caret(function: Any, line: str, said: str) -> None:
    message = refusal(function)
    shown = message.splitlines()
    assert said in message
    at = next(i for i, each in enumerate(shown) if line in each)
    assert "^ " in shown[at + 1]
    assert ".py, line " in message


def test_a_coroutine_is_refused() -> None:
    assert "waits" in refusal(waits)


@pytest.mark.parametrize("thing", [len, print, pd.DataFrame, 3, None, math.sin, mean.__call__])
def test_what_is_no_function_is_refused(thing: Any) -> None:
    with pytest.raises(carrel.CodeNotAllowed):
        function_source(thing)


def cell(text: str, name: str = "/tmp/ipykernel_1/2.py") -> dict[str, Any]:
    """What a notebook does with a cell."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), names)
    return names


def test_a_notebook_s_cell_is_source_enough() -> None:
    names = cell("import math\n\ndef work(df):\n    return math.sqrt(len(df))\n")
    assert sent(names["work"]) == "import math\n\n\ndef work(df):\n    return math.sqrt(len(df))\n"
    other = cell("def work(df):\n    return math.sqrt(len(df))\n", "/tmp/ipykernel_1/3.py")
    other["math"] = math  # imported in another cell
    assert sent(other["work"]) == sent(names["work"])
    other = cell("def work(df):\n    return y(df)\n", "/tmp/ipykernel_1/4.py")
    assert "this notebook's cell, line 2" in refusal(other["work"])


def test_a_file_that_was_changed_since_is_refused() -> None:
    names = cell("def work(df):\n    return df.drugexp.sum()\n", "changed.py")
    text = "def work(df):\n    return df.drugexp.max()\n"
    linecache.cache["changed.py"] = (len(text), None, text.splitlines(keepends=True), "changed.py")
    assert "was changed after work was defined" in refusal(names["work"])


def test_what_has_no_text_is_refused() -> None:
    names: dict[str, Any] = {}
    exec("def work(df):\n    return df\n", names)
    assert "source of work cannot be found" in refusal(names["work"])
    code = compile("def f(df):\n    return 1\n", "nowhere.py", "exec").co_consts[0]
    assert isinstance(code, types.CodeType)
    assert "cannot be found" in refusal(types.FunctionType(code, {}))


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\x07", "\ufeff"])
def test_characters_that_cannot_be_seen_are_refused(hidden: str) -> None:
    text = f"def work(df):\n    return 'a{hidden}b'\n"
    names = cell(text, "hidden.py")
    message = refusal(names["work"])
    assert f"U+{ord(hidden):04X}" in message
    assert "hidden.py, line 2" in message
    assert hidden not in message


def test_what_stands_elsewhere_in_the_file_does_not_matter() -> None:
    text = "x = 1\x0c\ny = '\u2028\u202e'\ndef work(df):\n    return df.age.mean()\n"
    names = cell(text, "elsewhere.py")
    assert sent(names["work"]) == "def work(df):\n    return df.age.mean()\n"


@pytest.mark.parametrize("other", [True, 66, "65", np.arange(3), pd.DataFrame(), None])
def test_a_name_is_one_thing_in_the_whole_program(other: Any) -> None:
    names = cell("def work(df):\n    return clean(df) + CUT\n", "one_thing.py")
    names |= {"clean": clean, "CUT": helpers.CUT}
    assert sent(names["work"]).count("CUT = 65") == 1
    names["CUT"] = other
    assert "CUT means something else" in refusal(names["work"])


def test_decorated_text_with_lines_in_strings_stays_what_it_is() -> None:
    text = "def outer():\n    def work(df):\n        return '''a\n    b'''\n    return work\n"
    names = cell(text, "strings.py")
    assert "cannot be taken out" in refusal(names["outer"]())
