"""What reading a program finds, and that nothing in one can stop the reading."""

import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carrel_protocol.api.code import CodeFinding
from carrel_protocol.code import SourceFile
from carrel_site.code.analysis import analyse, run

IMPORTS = frozenset({"numpy", "pandas"})


def findings(text: str, entry: str | None = "work", **files: str) -> list[CodeFinding]:
    """Of a program whose file's text is indented."""
    program = [SourceFile.model_construct(path="work.py", text=textwrap.dedent(text))]
    program += [
        SourceFile.model_construct(path=f"{name}.py", text=textwrap.dedent(each))
        for name, each in files.items()
    ]
    return list(analyse(program, IMPORTS, frozenset({"df"}), entry=entry))


def own(text: str, entry: str | None = "work", **files: str) -> set[tuple[str, int, str]]:
    return {
        (f.rule, f.line, f.level) for f in findings(text, entry, **files) if f.source == "carrel"
    }


PLAIN = [
    """
    import pandas as pd
    def work(df):
        return df.groupby("female")["drugexp"].mean()
    """,
    """
    import numpy as np
    LIMIT = 65
    def clean(df, age_from):
        df = df[df.age >= age_from]
        df = df.assign(log=np.log1p(df.drugexp))
        return df.dropna()
    def work(df, age_from=LIMIT):
        \"\"\"Means by sex, rounded.\"\"\"
        df = clean(df, age_from)
        table = df.groupby(["female", "region"]).agg(n=("age", "count"), mean=("log", "mean"))
        return {"table": table.round(2), "total": float(df.drugexp.sum())}
    """,
    """
    import pandas as pd
    def work(df, bins=10):
        columns = [name for name in df.columns if name != "person"]
        if bins > 20:
            raise ValueError(f"{bins} is too many")
        print("computing", columns)
        ages = pd.cut(df["age"], bins)
        return pd.crosstab(ages, df["female"])
    """,
    """
    import statistics
    class Model:
        def __init__(self, degree):
            self.degree = degree
        def mean(self, frame):
            return frame.drugexp.mean() ** self.degree
    def work(df):
        return Model(2).mean(df) + statistics.fmean(range(3))
    """,
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_analysis_has_no_alarm(text: str) -> None:
    assert [f for f in findings(text) if f.level == "alarm"] == []
    assert own(text) == set()
    assert own(text, None) == set()


TRICKS = {
    # what ruff's and bandit's rules miss
    'getattr(__import__("o"+"s"), "system")("x")': {"dynamic"},
    'getattr(df, "__cl" + "ass__")': {"dynamic-access"},
    "().__class__.__base__.__subclasses__()": {"dunder"},
    'df.query("@df.__class__.__init__.__globals__")': {"string-code"},
    "df.query(\"@pd.io.common.os.system('x')\")": {"string-code"},
    'df.query("age > " + str(n))': {"string-code"},
    "df.eval(n)": {"string-code"},
    "pd.eval(n)": {"string-code"},
    "pd.io.common.os.system('x')": {"back-door"},
    "np.ctypeslib.load_library('x', 'y')": {"native"},
    '"{0.__class__.__init__.__globals__}".format(df)': {"dunder"},
    '(lambda: 0).__globals__["x"]': {"dunder"},
    "[].append.__self__.__reduce_ex__(4)": {"dunder"},
    "vars(pd)": {"dynamic"},
    "globals()['x']": {"dynamic"},
    "setattr(pd, n, 1)": {"dynamic-access"},
    "pd.read_pickle('x')": {"pickle"},
    "np.load('x', allow_pickle=True)": {"pickle"},
    "df.to_pickle('x')": {"pickle"},
    "open('/etc/passwd').read()": {"file"},
    "df.to_csv('/tmp/x')": {"file"},
    "pd.read_csv('http://x')": {"file"},
    "type('X', (), {})": {"dynamic"},
    "__builtins__['eval']": {"dynamic"},
    "exec(n)": {"dynamic"},
    "[eval][0](n)": {"dynamic"},
}


@pytest.mark.parametrize(("expression", "rules"), TRICKS.items())
def test_reaching_out_is_found_at_its_line(expression: str, rules: set[str]) -> None:
    found = own(
        f"import numpy as np\nimport pandas as pd\ndef work(df, n=1):\n    x = {expression}\n"
    )
    assert rules <= {rule for rule, line, _ in found if line == 4}, found


@pytest.mark.parametrize(
    ("statement", "rule", "level"),
    [
        ("import os", "io-import", "warning"),
        ("import torch", "unknown-import", "alarm"),
        ("from torch.nn import Linear", "unknown-import", "alarm"),
        ("import socket as pandas", "network", "alarm"),
        ("import urllib.request", "network", "alarm"),
        ("from concurrent.futures import ProcessPoolExecutor", "process", "alarm"),
        ("import subprocess", "process", "alarm"),
        ("import ctypes", "native", "alarm"),
        ("import pickle", "pickle", "alarm"),
        ("import importlib", "dynamic", "alarm"),
        ("from os import *", "star-import", "alarm"),
        ("from time import sleep as s; s(1)", "timing", "alarm"),
        ("import time; clock = time.perf_counter; clock()", "timing", "warning"),
        ("import pandas as pd; pd.DataFrame.mean = None", "monkeypatch", "alarm"),
        ("import os; o = os; o.system('x')", "io-import", "warning"),
        ("def len(x): return 3", "shadow", "warning"),
    ],
)
def test_imports_and_what_they_hide(statement: str, rule: str, level: str) -> None:
    assert (rule, 2, level) in own(f"\n{statement}\n")


def test_imports_of_own_files_are_no_finding() -> None:
    text = "from lib import clean\ndef work(df):\n    return clean(df).age.mean()\n"
    assert own(text, lib="def clean(df):\n    return df.dropna()\n") == set()


FLOWS = [
    ("if df.age.max() > 90:\n    x = 1", "data-branch", "warning"),
    ("while len(df) > n:\n    n += 1", "data-branch", "warning"),
    ("x = 1 if 'a' in df.region.unique() else 2", "data-branch", "warning"),
    ("assert df.age.max() < 99", "data-branch", "warning"),
    ("x = [n for n in range(9) if n > df.age.min()]", "data-branch", "warning"),
    ("x = len(df) > 3 and n", "data-branch", "warning"),
    ("match df.age.max():\n    case 3: pass", "data-branch", "warning"),
    ("raise ValueError(f'{df.age.max()}')", "data-raise", "alarm"),
    ("raise KeyError(df.iloc[0].person)", "data-raise", "alarm"),
    ("assert n, df.age.tolist()", "data-raise", "alarm"),
    ("print(df.head())", "data-print", "warning"),
    ("import sys; sys.exit(int(df.age.max()))", "exit", "alarm"),
    ("import time; time.sleep(df.age.max())", "timing", "alarm"),
    ("for i, row in df.iterrows():\n    pass", "row-loop", "warning"),
    ("for row in df.itertuples():\n    pass", "row-loop", "warning"),
    ("x = {row.age for row in df.itertuples()}", "row-loop", "warning"),
    ("return df", "row-return", "alarm"),
    ("return df.head(3)", "row-return", "alarm"),
    ("return df.sample(3).values", "row-return", "alarm"),
    ("return df[['age']].to_dict()", "row-return", "alarm"),
    ("return {'a': 1, 'b': [df.age * 2]}", "row-return", "alarm"),
    ("return df.sum(axis=1)", "row-return", "alarm"),
    ("return df.groupby('age').apply(lambda g: g)", "row-return", "warning"),
    ("return df.groupby('age').agg(list)", "row-return", "warning"),
    ("x = []\nfor v in df.age:\n    x.append(v)\nreturn x", "row-return", "alarm"),
    ("x = {}\nx['a'] = df\nreturn x", "row-return", "alarm"),
    ("x, y = 1, df.age\nreturn y", "row-return", "alarm"),
    ("def inner():\n    return df\nreturn inner()", "row-return", "alarm"),
    ("f = lambda: df\nreturn f()", "row-return", "alarm"),
    (
        "try:\n    x = df.age.mean()\nexcept ValueError as e:\n    return str(e)",
        "row-return",
        "warning",
    ),
]


@pytest.mark.parametrize(("body", "rule", "level"), FLOWS)
def test_what_depends_on_the_data_is_followed(body: str, rule: str, level: str) -> None:
    text = "def work(df, n=1):\n" + textwrap.indent(body, "    ") + "\n"
    found = own(text)
    assert (rule, level) in {(r, each) for r, _, each in found}, found
    # The same with n in place of the data says nothing.
    harmless = own(text.replace("df", "n").replace("work(n, n=1)", "work(df, n=1)"))
    assert not {r for r, _, _ in harmless} & {rule} - {"timing", "exit"}, harmless


CALLS = """
def first(frame):
    return second(frame.age, 3)

def second(ages, n):
    kept = third(ages)
    if kept > n:
        return ages
    return n

def third(values):
    return values.max()

def work(df):
    x = first(df)
    return x
"""


def test_the_data_are_followed_through_the_program_s_own_functions() -> None:
    assert own(CALLS) == {("data-branch", 7, "warning"), ("row-return", 16, "alarm")}


METHODS = """
class Holder:
    def take(self, frame):
        self.kept = frame

    def give(self):
        return self.kept

def work(df):
    holder = Holder()
    holder.take(df)
    return holder.give()
"""


def test_the_data_are_followed_through_objects() -> None:
    assert own(METHODS) == {("row-return", 12, "alarm")}


def test_a_method_s_name_hides_nothing() -> None:
    text = """
    from dataclasses import dataclass
    class Model:
        def __init__(self, frame):
            self.frame = frame
        def mean(self):
            return self.frame
    @dataclass
    class Kept:
        frame: object
        def sum(self):
            return self.frame
    def work(df, n):
        if n:
            return Model(df).mean()
        return Kept(df).sum()
    """
    assert own(text) == {("row-return", 15, "alarm"), ("row-return", 16, "alarm")}


def test_a_script_s_tables_are_data() -> None:
    text = """
    import carrel_job
    df = carrel_job.tables["meps"]
    carrel_job.save("mean", df.age.mean())
    carrel_job.save("rows", df.head())
    if len(df) > 10:
        pass
    """
    assert own(text, None) == {("row-return", 5, "alarm"), ("data-branch", 6, "warning")}


@pytest.mark.parametrize(
    "character",
    [
        *("\u202e", "\u2066", "\u200b", "\u200d", "\x0c", "\r", "\ue000", "\u2028"),
        *("\ufe0f", "\U000e0100", "\u034f", "\u2800", "\u3164", "\u0378", "\U000e0041"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_is_found(character: str) -> None:
    found = own(f"def work(df):\n    x = 'a{character}'\n    return 1\n")
    assert ("invisible", 2, "alarm") in found


def test_what_is_seen_wrongly_is_found() -> None:
    assert ("encoding", 1, "alarm") in own("# -*- coding: utf-7 -*-\ndef work(df):\n    return 1\n")
    assert ("lookalike", 2, "warning") in own("\n\u0430ge = 1\n")
    assert ("far-right", 1, "warning") in own("x = 1;" + " " * 200 + "import socket\n")
    assert ("long-line", 1, "warning") in own("x = '" + "a" * 400 + "'\n")


@pytest.mark.parametrize("name", ["json", "pandas", "sys"])
def test_a_file_in_place_of_a_module_is_found(name: str) -> None:
    found = [f for f in findings("x = 1\n", **{name: "y = 1\n"}) if f.rule == "shadow-module"]
    assert [(f.path, f.level) for f in found] == [(f"{name}.py", "alarm")]


def test_ruff_s_rules_are_shown_whatever_comments_say() -> None:
    text = "# ruff: noqa\ndef work(df):\n    return eval('1')  # noqa: S307\n"
    assert ("S307", 3) in {(f.rule, f.line) for f in findings(text) if f.source == "ruff"}


def test_findings_come_in_the_order_of_files_and_lines() -> None:
    found = findings("import socket\nimport os\n", b="import os\n")
    assert [f.path for f in found] == sorted((f.path for f in found), reverse=True)
    lines = [f.line for f in found if f.path == "work.py"]
    assert lines == sorted(lines)


def test_columns_count_characters() -> None:
    (finding,) = [f for f in findings("x = 'äöü'; eval(x)\n") if f.rule == "dynamic"]
    assert finding.column == 12


HEAVY = {
    "parentheses": "x = " + "(" * 5000 + ")" * 5000,
    "brackets": "[" * 90_000,
    "attributes": "x = a" + ".b" * 90_000,
    "sums": "x = 1" + "+1" * 90_000,
    "nots": "x = " + "not " * 40_000 + "1",
    "minus": "x = " + "-" * 150_000 + "1",
    "calls": "x = f" + "()" * 80_000,
    "a long number": "x = " + "9" * 190_000,
    "a power": "x = 9**9**9**9",
    "a big product": "x = 'a' * 10**10",
    "lambdas": "x = " + "lambda: " * 20_000 + "1",
    "ternaries": "x = " + "1 if df else " * 14_000 + "1",
    "nested loops": "\n".join(" " * i + "for a in df:" for i in range(95))
    + "\n"
    + " " * 95
    + "pass",
    "many branches": "def work(df):\n" + "  if df: x = df\n" * 12_000,
    "many names": "def work(df):\n"
    + "".join(f"  x{i} = df\n  if df: y{i} = x{i}\n" for i in range(5000)),
    "many functions": "".join(f"def f{i}(df): return f{i + 1}(df)\n" for i in range(4500)),
    "asserts": "assert df\n" * 19_000,
    "evals": "eval(x)\n" * 24_000,
    "formats": "f'{" * 4000,
    "nulls": "x = 1\0\n" * 100,
    "half a character": "x = '\ud800'",
    "tabs": "if 1:\n\tx\n        y",
    "nothing": "",
    "decorators": "@a\n" * 60_000 + "def f(): pass",
    "elifs": "if df: pass\n" + "elif df: pass\n" * 14_000,
    "walrus": "(" + "(x:=" * 150 + "df" + ")" * 151,
    "chained": "x" + " = x" * 45_000,
    "comprehensions": "x = " + "[" * 90 + "df" + " for a in df]" * 90,
}


@pytest.mark.parametrize("name", HEAVY)
def test_no_program_stops_the_reading(name: str) -> None:
    found = findings(HEAVY[name], None)
    assert len(found) <= 2 * 401
    assert len({f.source for f in found if f.rule == "unread"}) <= 2


def test_the_reading_says_when_it_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MEMORY_BYTES", 2**20)
    gave_up = {f.source: f.level for f in findings("x = 1") if f.rule == "unread"}
    assert gave_up == {"carrel": "alarm", "ruff": "alarm"}
    monkeypatch.undo()
    monkeypatch.setattr(run, "WALL_SECONDS", 0.001)
    assert {f.rule for f in findings("x = 1")} == {"unread"}


PIECES = st.sampled_from(
    [
        *("df", "x", "(", ")", "[", "]", "{", "}", ":", "\n", "\n    ", "if ", "for ", " in ", "="),
        *("def f(df):", "lambda ", "return ", "raise ", "try:", "except ", "while ", "match ", ","),
        *(
            "yield ",
            "async ",
            "await ",
            "class ",
            "@",
            "*",
            "**",
            "'",
            '"""',
            "f'{",
            "}'",
            "\\",
            "#",
        ),
        *(
            "import ",
            "from ",
            ".",
            "global ",
            "else:",
            "with ",
            "as ",
            "case ",
            "_",
            "0",
            ":=",
            " ",
        ),
    ]
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=300))
def test_any_text_is_read_to_its_end(text: str) -> None:
    for finding in findings(text, None):
        assert finding.rule != "unread"
        assert finding.line >= 1
        assert finding.column >= 1


def test_nothing_in_a_program_is_run(tmp_path: object) -> None:
    from pathlib import Path  # noqa: PLC0415

    mark = Path(str(tmp_path)) / "ran"
    text = f"open({str(mark)!r}, 'w')\n"
    # Files that shadow what the reading itself imports.
    findings(text, None, json=text, ast=text, reader=text, sitecustomize=text, ruff=text)
    assert not mark.exists()
