"""Outputs made so that the checks say nothing, and honest ones that look like them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from carrel_protocol.outputs import Finding
from tests.worker.code.private import findings


def _said(found: tuple[Finding, ...], level: str) -> set[str]:
    return {each.check for each in found if each.level == level}


# Labels that are none


def test_measured_numbers_that_are_said_to_be_labels(directory: Path, df: pd.DataFrame) -> None:
    small = pd.crosstab(df["region"], df["female"]).reset_index()
    small.columns = pd.Index(["region", "no", "yes"])
    found = findings(directory, small.set_index(["region", "no", "yes"]))
    assert "small_cells" in _said(found, "alarm")
    cells = {cell for each in found if each.check == "small_cells" for cell in each.cells}
    assert {(3, 1), (3, 2)} <= cells  # pointed out where they stand
    rows = df[["age", "income", "region"]].head(60)
    found = findings(directory, rows.set_index(["age", "income", "region"]))
    assert {"private_rows", "unrounded"} <= _said(found, "alarm")
    texts = small.astype(str).set_index(["region", "no", "yes"])
    assert "small_cells" in _said(findings(directory, texts), "alarm")


def test_a_table_of_labels_alone(directory: Path) -> None:
    names = pd.DataFrame(index=pd.Index([f"a{n}" for n in "bcde"], name="who"))
    assert "identifiers" in _said(findings(directory, names), "alarm")


@pytest.mark.parametrize("label", ["edge", "income"])
def test_incomes_that_label_rows(directory: Path, df: pd.DataFrame, label: str) -> None:
    table = pd.DataFrame({"n": [500] * 40}, index=pd.Index(df["income"].head(40), name=label))
    assert "unrounded" in _said(findings(directory, table), "alarm")
    index = pd.MultiIndex.from_arrays(
        [df["income"].head(40).round(0), range(40)], names=[label, "k"]
    )
    found = findings(directory, pd.DataFrame({"n": [500] * 40}, index=index))
    assert _said(found, "alarm")


def test_small_cells_of_which_the_numbers_are_others(directory: Path, df: pd.DataFrame) -> None:
    small = pd.crosstab(df["region"], df["female"])
    small.columns = pd.Index(["no", "yes"])
    for made in (small + 0.5, small + 1000, (small / len(df)).round(6), small * 10):
        for named in (made, made.rename_axis("x"), made.T, made.reset_index()):
            assert "small_cells" in _said(findings(directory, named), "alarm"), named


def test_a_cross_tables_cells_are_groups_of_both(directory: Path, df: pd.DataFrame) -> None:
    means = df.pivot_table(index="region", columns="female", values="age", observed=True).round(1)
    (found,) = (e for e in findings(directory, means) if e.check == "small_cells")
    assert found.level == "alarm"
    assert "grouped by region, female" in found.message
    assert "fewest: 2" in found.message
    assert found.cells == ((3, 1), (3, 2))
    (found,) = (e for e in findings(directory, means.T) if e.check == "small_cells")
    assert found.cells == ((0, 4), (1, 4))


def test_groups_with_other_names_are_said_not_to_be_traced(
    directory: Path, df: pd.DataFrame
) -> None:
    means = df.groupby("region", observed=True)["age"].mean().round(1)
    means.index = pd.Index(["a", "b", "c", "d"], name="region")
    (found,) = findings(directory, means)
    assert (found.check, found.level) == ("small_cells", "note")
    assert "could not be traced" in found.message


# Numbers as words


def _carriers(df: pd.DataFrame) -> dict[str, Any]:
    incomes = [f"{number:.2f}" for number in df["income"].head(40)]
    return {
        "names of columns": pd.DataFrame([[500] * 40], columns=incomes),
        "names of items": {f"v{text}": np.array([500.0, 600.0]) for text in incomes},
        "names of tensors": [{f"v{text}": np.zeros(2) for text in incomes}],
        "keys": dict.fromkeys(incomes, 500),
        "keys inside": {"a": [{"b": dict.fromkeys(incomes, 500)}]},
        "texts": pd.DataFrame({"b": [f"{text} EUR" for text in incomes]}),
        "numerals": pd.DataFrame({"b": incomes}),
        "labels": pd.DataFrame({"n": [500] * 40}, index=pd.Index(incomes, name="b")),
        "thousands": pd.DataFrame({"b": [f"about {float(text):,.2f}" for text in incomes]}),
        "one text": {"note": "; ".join(incomes)},
        "comma": pd.DataFrame({"b": [text.replace(".", ",") + " kr" for text in incomes]}),
    }


@pytest.mark.parametrize("name", list(_carriers(pd.DataFrame({"income": range(40)}))))
def test_incomes_in_names_and_texts(directory: Path, df: pd.DataFrame, name: str) -> None:
    found = findings(directory, _carriers(df)[name])
    assert "unrounded" in _said(found, "alarm"), found


def test_many_numbers_in_names_are_warned_of_whosever_they_are(directory: Path) -> None:
    draw = np.random.Generator(np.random.PCG64(5)).random(40)
    names = {f"{number * 1e9:.3f}": 1000 for number in draw}
    assert "unrounded" in _said(findings(directory, names), "warning")
    years = pd.DataFrame([[1000] * 40], columns=[str(year) for year in range(1981, 2021)])
    assert "unrounded" not in _said(findings(directory, years), "warning")


def test_what_rounding_leaves_alone_is_said(directory: Path) -> None:
    found = findings(directory, pd.DataFrame({"age in 2019": ["99876.54", "low (17.25)"]}))
    assert [e.message.split()[0] for e in found if "rounding leaves" in e.message] == ["3"]


def test_people_are_named_by_names(directory: Path) -> None:
    found = findings(directory, pd.DataFrame({"jane.doe@example.org": [1000, 2000]}))
    assert "identifiers" in _said(found, "alarm")


# What nobody sees


@pytest.mark.parametrize(
    "text", ["north\ufe01\ufe0e", "north\u2800", "north\u3164", "no\u00adrth", "north\U000e0101"]
)
def test_characters_that_are_not_shown(directory: Path, text: str) -> None:
    for value in ({"label": text}, {text: 1000}, pd.DataFrame({text: [1000]})):
        assert "metadata" in _said(findings(directory, value), "alarm")


@pytest.mark.parametrize("text", ["north ", "north  east", " north", "north\u2003east", "a\tb"])
def test_blanks_that_may_carry_something(directory: Path, text: str) -> None:
    assert "metadata" in _said(findings(directory, {"label": text}), "warning")


def test_a_payload_in_the_last_bits(directory: Path, df: pd.DataFrame) -> None:
    noise = np.round(np.random.Generator(np.random.PCG64(1)).normal(50, 5, 64), 1)
    payload = df["income"].head(64).to_numpy().astype("<f4").view("<u4").astype(np.uint64)
    bits = (noise.view(np.uint64) & ~np.uint64(0xFFFFFFFF)) | payload
    carrier = bits.view(np.float64)
    for value in (carrier, [{"w": carrier, "v": carrier}], pd.DataFrame({"m": carrier})):
        assert "unrounded" in _said(findings(directory, value), "warning")
    for value in (noise, [{"w": noise}], noise.astype(np.float32)):
        assert "unrounded" not in _said(findings(directory, value), "warning")


# Rows in other forms


def test_rows_turned_on_their_side_and_rounded(directory: Path, df: pd.DataFrame) -> None:
    rows = df[["age", "income", "region"]].head(60)
    turned = rows.head(20).T.astype(object)
    assert "private_rows" in _said(findings(directory, turned), "alarm")
    for step in (10, 100):
        rounded = pd.DataFrame({"a": rows["age"], "b": (rows["income"] / step).round() * step})
        assert "private_rows" in _said(findings(directory, rounded), "alarm")
        assert "private_rows" in _said(findings(directory, rounded.to_numpy().T), "alarm")
    words = rows.assign(income=rows["income"].map("{:.2f}".format))
    assert "private_rows" in _said(findings(directory, words), "alarm")


# Differencing


def test_two_releases_that_differ_in_one_person_under_other_names(
    directory: Path, df: pd.DataFrame
) -> None:
    before = df.groupby("female").size().to_frame("n")
    after = df[df["person"] != 9].groupby("female").size().to_frame("n")
    values = {"f": int(after["n"].iloc[0]), "t": int(after["n"].iloc[1])}
    forms: list[Any] = [
        after.rename(columns={"n": "people"}),
        after.rename_axis("sex"),
        after.reset_index(drop=True),
        after.iloc[::-1].set_axis(["a", "b"]),
        after.T,
        after.astype(str),
        values,
        list(values.values()),
        after["n"].to_numpy(),
        after.reset_index().set_index(["female", "n"]),
    ]
    for now in forms:
        for then in (before, before.T, {"x": 1000, "y": 1000}):
            found = findings(directory, now, earlier=(then,))
            assert "differencing" in _said(found, "alarm"), (now, then)
    for then in (before, before.T, before["n"].to_numpy()):
        assert "differencing" not in _said(findings(directory, before.T, earlier=(then,)), "alarm")


def test_means_of_which_one_changed(directory: Path, df: pd.DataFrame) -> None:
    large = df[df["region"] != "west"]
    before = large.groupby("region", observed=True)["income"].mean().round(2)
    now = large[large["person"] != 501].groupby("region", observed=True)["income"].mean().round(2)
    now.index = pd.Index(["a", "b", "c"])
    assert "differencing" in _said(findings(directory, now, earlier=(before,)), "warning")


def test_comparing_comes_to_an_end(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carrel_worker.executors.checks.differencing._MOST_NUMBERS", 10)
    monkeypatch.setattr(
        "carrel_worker.executors.checks.differencing._Room.__init__.__defaults__", (10, False)
    )
    now = np.arange(1000, 1050).reshape(10, 5)
    found = findings(directory, now, earlier=(now + 3,))
    assert [e for e in found if "too much to compare" in e.message]


# Honest outputs


def test_honest_outputs_raise_nothing_grave(directory: Path, df: pd.DataFrame) -> None:
    large = df[df["region"] != "west"]
    by_region = large.groupby("region", observed=True)
    counts, edges = np.histogram(df["age"], bins=8)
    regression = pd.DataFrame(
        {
            "coef": [1.234, -0.051, 12.01],
            "std err": [0.102, 0.013, 3.44],
            "P>|t|": [0.0, 0.004, 0.2],
        },
        index=["const", "age", "female[T.True]"],
    )
    outputs: list[Any] = [
        by_region["age"].mean().round(1),
        by_region["age"].agg(["mean", "std"]).round(1),
        large.groupby(["region", "female"], observed=True)["age"].mean().round(1),
        large.pivot_table(index="region", columns="female", values="age", observed=True).round(1),
        pd.crosstab(large["region"].astype(str), large["female"], margins=True),
        regression,
        {"r2": 0.412, "n": 1992, "coef": {"age": 0.51, "female": -2.3}},
        {"counts": counts, "edges": edges},
        {"counts": counts.tolist(), "edges": edges.round(1).tolist()},
        large.groupby(large["age"] // 10 * 10)["income"].median().round(-2),
        large.groupby(pd.qcut(large["age"], 4, labels=False) + 1)["age"].mean().round(1),
        df["age"].describe().round(1),
        large.groupby("age")["person"].nunique().to_frame("people"),
        {"accuracy": 0.87, "auc": 0.912, "confusion": [[812, 104], [99, 977]]},
    ]
    for value in outputs:
        grave = [each for each in findings(directory, value) if each.level != "note"]
        assert grave == [], (value, grave)


def test_honest_outputs_beside_each_other_are_not_alike(directory: Path, df: pd.DataFrame) -> None:
    large = df[df["region"] != "west"]
    first = large.groupby("region", observed=True)["age"].agg(["mean", "std"]).round(1)
    counts = large.groupby("region", observed=True).size().to_frame("n")
    ages, _ = np.histogram(large["age"], bins=8)
    female = large.groupby("female").size().to_frame("n")
    value = {"a": first, "b": counts, "c": ages, "d": female}
    grave = [e for e in findings(directory, value, earlier=(counts, first)) if e.level != "note"]
    assert grave == []
