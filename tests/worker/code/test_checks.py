"""Disclosure checks: each finds what it is for, and says nothing of an honest aggregate."""

import base64
import io
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from carrel_protocol.outputs import Finding
from carrel_worker.executors import checks
from carrel_worker.executors.checks import grids
from tests.worker.code.private import findings, returned


def _of(found: tuple[Finding, ...], check: str, *levels: str) -> list[Finding]:
    return [each for each in found if each.check == check and (not levels or each.level in levels)]


def _grave(found: tuple[Finding, ...], check: str) -> list[Finding]:
    return _of(found, check, "alarm", "warning")


def _graver(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(each.check, each.message) for each in found if each.level != "note"]


# Honest aggregates


def test_rounded_means_of_large_groups_raise_nothing(directory: Path, df: pd.DataFrame) -> None:
    large = df[(df["region"] != "west")]
    means = large.groupby("female")["age"].mean().round(1)
    assert findings(directory, means) == ()


def test_counts_of_large_groups_raise_nothing(directory: Path, df: pd.DataFrame) -> None:
    assert _graver(findings(directory, df["female"].value_counts())) == []


def test_a_histogram_and_a_correlation_raise_nothing_grave(
    directory: Path, df: pd.DataFrame
) -> None:
    counts, edges = np.histogram(df["age"], bins=8)
    found = findings(directory, {"counts": counts, "edges": edges})
    assert _graver(found) == []
    assert _graver(findings(directory, df[["age", "income"]].corr().round(3))) == []


# Small cells


def test_small_counts_of_a_cross_table(directory: Path, df: pd.DataFrame) -> None:
    (found, *_) = _of(findings(directory, pd.crosstab(df["region"], df["female"])), "small_cells")
    assert found.level == "alarm"
    assert set(found.cells) == {(3, 1), (3, 2)}  # the west's, by row and column


def test_counts_in_a_dict_are_found(directory: Path) -> None:
    assert _of(findings(directory, {"n_west": 4, "n_east": 400}), "small_cells")
    assert not _grave(findings(directory, {"n_west": 40}), "small_cells")


def test_a_count_row_of_describe(directory: Path, df: pd.DataFrame) -> None:
    few = df[df["region"] == "west"].head(6)["age"].describe()
    assert _of(findings(directory, few), "small_cells", "alarm")


def test_means_without_a_count_are_traced_to_the_people_behind_them(
    directory: Path, df: pd.DataFrame
) -> None:
    means = df.groupby("region", observed=True)["age"].mean().round(1)
    (found,) = _of(findings(directory, means), "small_cells")
    assert found.level == "alarm"
    assert found.cells == ((3, 1),)
    assert "fewest: 4" in found.message


def test_the_threshold_is_the_owners(directory: Path) -> None:
    assert not _grave(findings(directory, {"n": 7}, least=5), "small_cells")
    assert _grave(findings(directory, {"n": 7}, least=8), "small_cells")


# Dominance


@pytest.mark.parametrize("how", ["sum", "mean"])
def test_one_person_who_holds_nearly_all(directory: Path, df: pd.DataFrame, how: str) -> None:
    totals = df[df["region"] != "west"].groupby("region", observed=True)["income"].agg(how)
    (found,) = _of(findings(directory, totals.round(0)), "dominance")
    assert found.cells == ((1, 1),)
    assert "'income'" in found.message


# Differencing


def test_two_releases_that_differ_by_one_person(directory: Path, df: pd.DataFrame) -> None:
    large = df[df["region"] != "west"]
    before = large.groupby("region", observed=True).size().to_frame("n")
    after = large[large["person"] != 500].groupby("region", observed=True).size().to_frame("n")
    (found,) = _of(findings(directory, after, earlier=(before,)), "differencing")
    assert found.level == "alarm"
    assert "earlier release 1" in found.message
    assert len(found.cells) == 1
    assert not _of(findings(directory, before, earlier=(before,)), "differencing")


def test_other_groups_with_nearly_the_same_total(directory: Path, df: pd.DataFrame) -> None:
    before = df.groupby("female").size().to_frame("n")
    after = df[df["person"] != 9].groupby("region", observed=True).size().to_frame("n")
    found = _of(findings(directory, after, earlier=(before,)), "differencing")
    assert [each.level for each in found] == ["warning"]
    same = df.groupby("region", observed=True).size().to_frame("n")
    assert not _of(findings(directory, same, earlier=(before,)), "differencing")


def test_two_tables_of_one_output(directory: Path, df: pd.DataFrame) -> None:
    one = df.groupby("female").size().to_frame("n")
    other = df[df["person"] != 9].groupby("female").size().to_frame("n")
    assert _of(findings(directory, {"one": one, "other": other}), "differencing", "alarm")


# Single values and rows


def test_the_largest_value_is_somebodys(directory: Path, df: pd.DataFrame) -> None:
    assert _of(findings(directory, float(df["income"].max())), "unrounded", "alarm")


def test_a_single_persons_sum_is_found(directory: Path, df: pd.DataFrame) -> None:
    sums = df.groupby("person")["income"].sum()
    assert _of(findings(directory, {"x": float(sums.iloc[77])}), "unrounded", "alarm")


def test_many_digits_are_noted_and_all_digits_warned_of(directory: Path, df: pd.DataFrame) -> None:
    mean = float(df["age"].mean() / 7.3)
    (found,) = _of(findings(directory, {"mean": round(mean, 8)}), "unrounded")
    assert found.level == "note"
    (found,) = _of(findings(directory, {"mean": mean}), "unrounded")
    assert found.level == "warning"


def test_private_rows_by_name_and_without_names(directory: Path, df: pd.DataFrame) -> None:
    some = df.sample(30, random_state=3)[["income", "age"]].reset_index(drop=True)
    assert _of(findings(directory, some), "private_rows", "alarm")
    assert _of(findings(directory, some.to_numpy()), "private_rows", "alarm")
    assert _of(findings(directory, some.to_numpy().tolist()), "private_rows", "alarm")
    assert _of(findings(directory, some.to_dict("records")), "private_rows", "alarm")


def test_rows_of_which_one_column_was_changed(directory: Path, df: pd.DataFrame) -> None:
    some = df.sample(60, random_state=3)[["income", "age", "region", "female"]]
    near = some.assign(age=some["age"] + 1)
    found = findings(directory, near)
    assert _of(found, "private_rows", "alarm") or _of(found, "unrounded", "alarm")


# Identifiers


def test_the_units_own_column(directory: Path, df: pd.DataFrame) -> None:
    assert _of(findings(directory, df.groupby("person")["age"].mean()), "identifiers", "alarm")


@pytest.mark.parametrize(
    "text",
    [
        "jane.doe@example.org",
        "123e4567-e89b-12d3-a456-426614174000",
        "10.20.30.40",
        "DE89370400440532013000",
        "+49 170 1234567",
        "943 476 5919",
    ],
)
def test_texts_that_name_people(directory: Path, text: str) -> None:
    assert _of(findings(directory, {"note": f"see {text}"}), "identifiers", "alarm")


@pytest.mark.parametrize("text", ["a" * 2**20, "a@" * 2**19, "1 " * 2**19 + ".", "a@b." * 2**18])
def test_long_texts_are_searched_in_time_that_grows_with_them(directory: Path, text: str) -> None:
    # One that grew with the square would take hours, and meets the test's time limit.
    findings(directory, {"note": text})


def test_labels_stay_short_however_long_keys_are() -> None:
    (only,) = returned({"a" * 10_000: {f"{n}": n for n in range(1000)}})
    grid = grids.grid_of(only)
    assert max(len(str(cell)) for cell in grid.columns[0].cells) <= 120


def test_texts_of_too_many_kinds(directory: Path) -> None:
    names = pd.DataFrame({"who": [f"{a}{b}" for a in "abcdef" for b in "uvwxyz"], "n": 1000})
    assert _of(findings(directory, names), "identifiers", "warning")


# Packed bytes


def test_packed_bytes_in_numbers_and_texts(directory: Path) -> None:
    packed = np.frombuffer(secrets.token_bytes(4096), dtype=np.uint8)
    for value in (
        packed,
        packed.astype(np.int64),
        packed.astype(np.float64),
        packed.tolist(),
        pd.DataFrame({"n": packed}),
        np.unpackbits(packed).astype(bool),
        {"text": base64.b64encode(packed[:300].tobytes()).decode()},
        {"text": packed[:300].tobytes().hex()},
        [base64.b64encode(packed[i : i + 9].tobytes()).decode() for i in range(0, 900, 9)],
        {"model": {"w": packed.reshape(64, 64)}},
    ):
        assert _of(findings(directory, value), "entropy", "alarm"), type(value)


def test_prose_and_plain_numbers_are_not_packed(directory: Path) -> None:
    prose = "The mean of the group lies above that of the other one, as was to be expected. " * 5
    found = findings(directory, {"text": prose, "counts": list(range(1000, 9000, 10))})
    assert not _of(found, "entropy")


# Size, metadata


def test_an_output_as_large_as_its_data(directory: Path, df: pd.DataFrame) -> None:
    found = findings(directory, df["age"].to_numpy())
    assert {each.item for each in _of(found, "size")} == {"result", ""}


def _picture(image: Any, **options: Any) -> Any:
    stream = io.BytesIO()
    image.save(stream, format="PNG", **options)
    loaded = Image.open(io.BytesIO(stream.getvalue()))
    loaded.load()
    return loaded


def test_noise_in_a_figure(directory: Path) -> None:
    noise = Image.frombytes("RGB", (64, 64), secrets.token_bytes(64 * 64 * 3))
    assert _of(findings(directory, _picture(noise)), "entropy", "warning")
    plain = Image.new("RGB", (64, 64), "white")
    (found,) = findings(directory, _picture(plain))
    assert (found.level, found.check) == ("note", "small_cells")
    assert "No check reads a picture" in found.message


def test_hidden_characters(directory: Path) -> None:
    hidden = "north\u200b\u2063\u200b\u202e"
    (found, *_) = _of(findings(directory, {"note": hidden}), "metadata")
    assert found.level == "alarm"
    assert "4 characters" in found.message
    shown = findings(directory, pd.DataFrame({f"a{hidden}@example.org": ["x@y.org"]}))
    assert all(character not in each.message for each in shown for character in "\u200b\u202e")


# The whole


def test_the_gravest_come_first(directory: Path, df: pd.DataFrame) -> None:
    found = findings(directory, df.groupby("region", observed=True)["income"].sum())
    order = [("alarm", "warning", "note").index(each.level) for each in found]
    assert order == sorted(order)
    assert order


def test_a_check_that_breaks_says_so(
    directory: Path, df: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(checks.cells, "dominance", broken)
    (found,) = _of(findings(directory, 1), "dominance")
    assert found.level == "alarm"
    assert "ZeroDivisionError" in found.message


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        "",
        0,
        None,
        [[]],
        [{}],
        [None, None],
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame(index=[1, 2]),
        np.zeros((0, 3)),
        np.zeros((2, 0)),
        np.zeros((1, 5000)),
        np.zeros(0),
        np.full(3, np.nan),
        np.array([np.inf, -np.inf]),
        np.zeros((2, 2, 2), dtype=bool),
        pd.DataFrame({"age": [None, "x", 1.5, True]}),
        pd.DataFrame({"region": ["west", None]}).set_index("region"),
        {"a": {"b": [1, {"c": 2}]}},
        [2**53 - 1, -(2**53) + 1],
        np.array([2**64 - 1], dtype=np.uint64),
    ],
)
def test_odd_outputs_break_no_check(directory: Path, df: pd.DataFrame, value: Any) -> None:
    assert not [each for each in findings(directory, value) if "come to an end" in each.message]
