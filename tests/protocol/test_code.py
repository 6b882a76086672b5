"""Parameters of code: what an approval says is what a run gets."""

from typing import Any

import pytest
from pydantic import ValidationError

from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.code import (
    ChoiceBound,
    CodeContent,
    MockCode,
    NumberBound,
    ScriptEntry,
    SourceFile,
    check_program,
)

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
    "value", [1, 0, True, False, 1.5, 18.0, "1", "true", None, 2**53 - 1, -(2**53) + 1, 1e-300]
)
def test_a_parameter_arrives_as_the_type_it_was_given(value: Any) -> None:
    for read in (program(value), MockCode.model_validate_json(program(value).model_dump_json())):
        got = read.parameters["x"]
        assert (type(got), got) == (type(value), value)
    (each,) = program([value]).parameters["x"]  # type: ignore[misc]
    assert (type(each), each) == (type(value), value)


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


@pytest.mark.parametrize(
    "text",
    [
        "# coding: utf-7\nx\n",
        "#!/usr/bin/python\n# -*- coding: latin-1 -*-\n",
        "\n \t# vim: set fileencoding=utf-16 :\n",
        "x = 1  \n#coding=cp037",
        "# coding: utf-8-sig\n",
    ],
)
def test_a_program_that_python_would_read_as_another_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="programs are UTF-8"):
        SourceFile(path="a.py", text=text)


@pytest.mark.parametrize(
    "text",
    ["# -*- coding: utf-8 -*-\n", "# coding: UTF_8\n", "x = 'coding: a'\n\n# coding: utf-7\n"],
)
def test_a_program_may_say_that_it_is_utf_8(text: str) -> None:
    assert SourceFile(path="a.py", text=text).text == text


CONTENT: dict[str, Any] = {
    "requester": "usr_1",
    "data": [
        {
            "alias": "df",
            "dataset_id": "dst_1",
            "version_id": "ver_1",
            "data_commitment": "c",
            "metadata_revision": 1,
            "policy_revision": 1,
            "table": PROGRAM["data"][0]["table"],
        }
    ],
    **{name: PROGRAM[name] for name in ("entry", "files", "environment", "limits")},
}


def content(value: Any, bound: Any = None) -> CodeContent:
    reach = None if bound is None else {"bounds": {"x": bound}}
    body = {**CONTENT, "parameters": {"x": value}, "reach": reach}
    made = CodeContent.model_validate(body)
    # What is stored and sent is the same one.
    assert CodeContent.model_validate_json(made.model_dump_json()) == made
    return made


def test_a_choice_s_values_are_of_their_types() -> None:
    whole = {"kind": "choice", "values": [18, 20]}
    floats = {"kind": "choice", "values": [18.0, 20.0]}
    assert content(18, whole).reach_hash() == content(20, whole).reach_hash()
    assert content(18, whole).reach_hash() != content(18.0, floats).reach_hash()
    mixed = {"kind": "choice", "values": [18, 20.0]}
    assert content(18, whole).content_hash() != content(18, mixed).content_hash()
    assert content(18, whole).reach_hash() != content(18, mixed).reach_hash()
    assert content(18, mixed).reach_hash() == content(20.0, mixed).reach_hash()
    truth = {"kind": "choice", "values": [1, True]}
    assert content(1, truth).content_hash() != content(1, whole | {"values": [1, 1]}).content_hash()


def test_an_approval_of_whole_numbers_covers_no_floats() -> None:
    for bound in (
        {"kind": "number", "lower": 0, "upper": 90, "whole": True},
        {"kind": "number", "lower": 0, "upper": 90},
    ):
        assert content(18, bound).reach_hash() == content(20, bound).reach_hash()
        assert content(18, bound).reach_hash() != content(18.0, bound).reach_hash()
        assert content(18.0, bound).reach_hash() == content(20.0, bound).reach_hash()


def test_there_is_one_zero() -> None:
    for value in (-0.0, (-0.0,)):
        assert "-0.0" not in content(value).model_dump_json()
        assert "-0.0" not in repr(content(value).parameters)
    bound = {"kind": "number", "lower": -0.0, "upper": 1}
    assert "-0.0" not in content(0.0, bound).model_dump_json()
    choice = {"kind": "choice", "values": [0.0]}
    assert str(content(-0.0, choice).parameters["x"]) == "0.0"


def black_box(parameters: dict[str, Any]) -> BlackBoxContent:
    return BlackBoxContent.model_validate(
        {
            **CONTENT,
            "data": CONTENT["data"][0],
            "entry": {"kind": "function", "path": "a.py", "name": "work"},
            "limits": {"wall_seconds": 1},
            "parameters": parameters,
            "blocks": 2,
            "output": {"lower": [0], "upper": [1]},
            "noise": [{"mechanism": "discrete_laplace", "scale": 1e6}],
            "claimed": [{"kind": "epsilon", "value": 2.0}],
        }
    )


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), ([1, 2], [1, 2.0]), (0, 0.0)])
def test_a_black_box_s_parameters_are_of_their_types(one: Any, other: Any) -> None:
    assert black_box({"x": one}).content_hash() == black_box({"x": one}).content_hash()
    assert black_box({"x": one}).content_hash() != black_box({"x": other}).content_hash()


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["carrel_job.py"], "is what the site gives a program"),
        (["carrel_job/__init__.py"], "is what the site gives a program"),
        (["lib.py", "lib/__init__.py"], "the folder 'lib' are imported by one name"),
        (["lib/tables.py", "lib.py"], "the folder 'lib' are imported by one name"),
        (["lib/a.py", "lib/a/b/c.py"], "'lib/a.py' and the folder 'lib/a' are"),
    ],
)
def test_files_that_python_would_pass_over_are_refused(paths: list[str], said: str) -> None:
    files = tuple(SourceFile(path=path, text="") for path in ("a.py", *paths))
    with pytest.raises(ValueError, match=said):
        check_program(ScriptEntry(path="a.py"), files)


def test_files_and_folders_of_other_names_are_not() -> None:
    paths = (
        "a.py",
        "lib/__init__.py",
        "lib/a.py",
        "lib/lib.py",
        "library.py",
        "jobs/carrel_job.py",
    )
    files = tuple(SourceFile(path=path, text="") for path in paths)
    check_program(ScriptEntry(path="a.py"), files)
