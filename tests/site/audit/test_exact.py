"""What is hashed is the same before the database has kept it and after."""

import json

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from carrel_site.audit.log import exact
from tests.fixtures.services import DatabaseUrls

NUMBERS = [
    *(1e16, 1.2345678901234567e16, 1.2345678901234567e22, -3e17, 1e300, -1.7976931348623157e308),
    *(0.1, 5e-324, 1e-5, 1.0, -0.0, 0.0, 9.007199254740993e15, 9999999999999998.0),
    *(0, -1, 2**53 - 1, 2**53, -(2**53), 10**16, 10**40),
]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(NUMBERS)
@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**40), 10**40),
        max_size=40,
    )
)
def test_numbers_are_the_same_after_jsonb(
    database_urls: DatabaseUrls, numbers: list[float | int]
) -> None:
    with psycopg.connect(database_urls.superuser_dsn) as connection:
        row = connection.execute("SELECT %s::jsonb", (json.dumps(numbers),)).fetchone()
    assert row is not None
    assert exact(row[0]) == exact(numbers)


@pytest.mark.parametrize(
    ("one", "other"), [(1e16, 1e16 + 2), (1.0, 1), (0.1, 0.2), (2**53, 2.0**53)]
)
def test_numbers_that_differ_are_told_apart(one: float, other: float) -> None:
    assert exact(one) != exact(other)
