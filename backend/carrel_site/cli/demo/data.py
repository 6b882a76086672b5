"""The demo's two tables: real, public data that come inside the linearmodels package.

meps: prescription-drug spending of 10,391 people over 65 in 2003, from the Medical Expenditure
Panel Survey, as Cameron and Trivedi use it (Microeconometrics Using Stata, 2009, ch. 6); a row a
person. wage_panel: 545 young men, each in eight years, from the National Longitudinal Survey
(Vella and Verbeek, J. Applied Econometrics 13, 1998).

Bounds are what a codebook would say, not the data's own extremes.
"""

import bz2
import csv
import importlib.util
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from carrel_protocol.schema import (
    BooleanColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
)


class DemoDataMissing(RuntimeError):
    """linearmodels is not installed."""


@dataclass(frozen=True)
class DemoTable:
    """A dataset to register. `cells` turns a source row and its number into the table's cells."""

    name: str
    title: str
    description: str
    source: str
    table: TableSchema
    cells: Callable[[dict[str, str], int], tuple[str, ...]]

    def csv(self) -> bytes:
        """The whole table as CSV, unit column first. Raises DemoDataMissing."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([self.table.unit_column, *(column.name for column in self.table.columns)])
        with bz2.open(_package_file(self.source), "rt", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=1):
                writer.writerow(self.cells(row, number))
        return text.getvalue().encode()


def _package_file(path: str) -> Path:
    # Found, not imported: linearmodels would bring pandas and statsmodels along.
    spec = importlib.util.find_spec("linearmodels")
    if spec is None or not spec.submodule_search_locations:
        raise DemoDataMissing(
            "The demo's data come with linearmodels; run: pip install 'carrel[site,demo]'"
        )
    return Path(spec.submodule_search_locations[0]) / "datasets" / path


def _flag(value: str) -> str:
    return "true" if float(value) else "false"


def _meps_cells(row: dict[str, str], number: int) -> tuple[str, ...]:
    return (
        str(number),
        row["age"],
        _flag(row["female"]),
        row["totchr"],
        f"{float(row['income']):.2f}",
        row["drugexp"],
    )


def _wage_cells(row: dict[str, str], _number: int) -> tuple[str, ...]:
    return (
        row["nr"],
        row["year"],
        row["educ"],
        row["exper"],
        _flag(row["married"]),
        _flag(row["union"]),
        row["hours"],
        f"{float(row['lwage']):.3f}",
    )


MEPS = DemoTable(
    name="meps",
    title="Prescription-drug spending of people over 65 (MEPS 2003)",
    description=(
        "10,391 people over 65 in the Medical Expenditure Panel Survey of 2003, one row each: what "
        "their prescription drugs cost in the year, their income and how many chronic conditions "
        "they live with. Cameron and Trivedi use it in Microeconometrics Using Stata, chapter 6."
    ),
    source="meps/meps.csv.bz2",
    table=TableSchema(
        unit_column="person",
        columns=(
            IntegerColumn(name="age", lower=65, upper=95, nullable=False, description="Years"),
            BooleanColumn(name="female", nullable=False),
            IntegerColumn(
                name="totchr", lower=0, upper=10, nullable=False, description="Chronic conditions"
            ),
            RealColumn(name="income", lower="0", upper="200", description="Thousand dollars"),
            IntegerColumn(
                name="drugexp", lower=0, upper=10_000, nullable=False, description="Dollars a year"
            ),
        ),
        bounds=UnitBounds(),
        size=DeclaredSize(rows=10_000, units=10_000),
    ),
    cells=_meps_cells,
)

WAGE_PANEL = DemoTable(
    name="wage_panel",
    title="Wages of 545 young men, 1980 to 1987 (NLSY)",
    description=(
        "545 young men of the National Longitudinal Survey of Youth who were working in each of "
        "the years 1980 to 1987, one row a year: schooling, hours, union membership and the "
        "logarithm of the hourly wage. From Vella and Verbeek, J. Applied Econometrics 13 (1998)."
    ),
    source="wage_panel/wage_panel.csv.bz2",
    table=TableSchema(
        unit_column="nr",
        columns=(
            IntegerColumn(name="year", lower=1980, upper=1987, nullable=False),
            IntegerColumn(name="educ", lower=0, upper=20, description="Years of schooling"),
            IntegerColumn(name="exper", lower=0, upper=20, description="Years of work"),
            BooleanColumn(name="married", nullable=False),
            BooleanColumn(name="union", nullable=False),
            IntegerColumn(name="hours", lower=0, upper=5000, description="Worked in the year"),
            RealColumn(
                name="lwage", lower="-2", upper="4", resolution="0.001", description="Log of wage"
            ),
        ),
        bounds=UnitBounds(rows_per_unit=8, rows_per_group=8, groups_per_unit=8),
        size=DeclaredSize(rows=4_400, units=550),
    ),
    cells=_wage_cells,
)

TABLES = (MEPS, WAGE_PANEL)
