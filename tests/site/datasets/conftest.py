"""Datasets to find, and to follow what happens to them."""

from typing import Any

import pytest

from carrel_protocol.schema import CategoryColumn
from tests.factories import make_access, make_dataset, make_population, make_table, make_version
from tests.fixtures.site import AppSite


@pytest.fixture
def datasets(app_site: AppSite) -> dict[str, str]:
    """Ids by name: two populations, one dataset ready, one the researcher's."""
    owner = app_site.owner.id

    def work(session: Any) -> dict[str, str]:
        patients = make_population(session, owner, name="patients")
        pupils = make_population(session, owner, name="pupils")
        ward = CategoryColumn(name="ward", categories=("a",), description="Where 100% lie")
        table = make_table(columns=(*make_table().columns, ward))
        visits = make_dataset(session, owner, patients.id, name="visits", table=table)
        marks = make_dataset(session, owner, pupils.id, name="marks")
        make_version(session, app_site.site, visits)
        make_access(session, owner, marks.id, app_site.researcher.id)
        return {"visits": visits.id, "marks": marks.id}

    return app_site.site.db.transact(work)
