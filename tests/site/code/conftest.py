"""A site whose datasets take code, an environment, and a worker played by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import BudgetLimits, DatasetPolicy
from carrel_site.runs.beat import duties
from tests.factories import make_access, make_dataset, make_member, make_population, make_version
from tests.fixtures.site import AppSite
from tests.site.code.boxes import Boxes
from tests.site.code.code_site import CodeSite, admit


@pytest.fixture
def code(app_site: AppSite) -> CodeSite:
    owner, researcher = app_site.owner, app_site.researcher

    def work(session: Any) -> list[str]:
        people = make_population(
            session,
            owner.id,
            each=BudgetLimits(epsilon=10),
            together=BudgetLimits(epsilon=90),
        )
        names = []
        for reviewers in (1, 2):
            policy = DatasetPolicy(reviewers=reviewers)
            dataset = make_dataset(session, owner.id, people.id, policy=policy)
            make_version(session, app_site.site, dataset)
            make_access(session, owner.id, dataset.id, researcher.id)
            names.append(dataset.name)
        return names

    data, strict = app_site.site.db.transact(work)
    other = app_site.site.db.transact(lambda session: make_member(session, Role.REVIEWER))
    worker = admit(app_site, "hand", "query", "ingest", "code")
    return CodeSite(app_site, worker, admit(app_site, "mocker", "mock"), data, strict, other)


@pytest.fixture
def beat(code: CodeSite) -> Callable[[], None]:
    """One round of every duty of the scheduler."""

    def act() -> None:
        for duty in duties():
            duty.act(code.app.site)

    return act


@pytest.fixture
def boxes(code: CodeSite) -> Boxes:
    """With a worker for black boxes alone."""
    return Boxes(code, admit(code.app, "boxer", "black_box"))
