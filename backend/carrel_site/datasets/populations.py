"""Populations: the people that datasets are about, and where their accounts belong."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page
from carrel_protocol.api.datasets import BudgetLimits, PopulationCreate
from carrel_protocol.api.datasets import Population as PopulationView
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import InvalidInput, NotFound
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import newest_first
from carrel_site.datasets import repository
from carrel_site.datasets.catalogue import only_granted_to
from carrel_site.datasets.errors import NameTaken
from carrel_site.datasets.models import Population
from carrel_site.ledger import accounting
from carrel_site.ledger import repository as ledger_rows
from carrel_site.ledger import service as ledger


def create(session: Session, asked: PopulationCreate, actor: str) -> PopulationView:
    """Declare a population and open the account of everyone together."""
    population_id = new_id("pop")
    inserted = session.scalar(
        insert(Population)
        .values(
            id=population_id,
            name=asked.name,
            description=asked.description,
            each_limits=asked.each.model_dump(mode="json"),
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=[Population.name])
        .returning(Population.id)
    )
    if inserted is None or session.get(Population, asked.name) is not None:
        raise NameTaken(f"There is a population named {asked.name!r}.")
    population = session.get_one(Population, population_id)
    _check(asked.each)
    ledger.open_account(session, population.id, None, asked.together, actor)
    record(
        session,
        actor,
        "population.created",
        population.id,
        name=population.name,
        each=asked.each.model_dump(mode="json"),
    )
    return _view(population, asked.together)


def page(session: Session, caller: Caller, cursor: str | None, limit: int) -> Page[PopulationView]:
    """All populations; for a researcher, those behind the datasets they may use."""
    rows = newest_first(
        session,
        repository.populations(only_granted_to(caller)),
        Population.created_at,
        Population.id,
        cursor,
        limit,
        lambda population: population,
    )
    together = _together(session, [row.id for row in rows.items])
    return Page(
        items=tuple(_view(row, together[row.id]) for row in rows.items),
        next_cursor=rows.next_cursor,
    )


def get(session: Session, caller: Caller, ref: str) -> PopulationView:
    """One population by id or name; `NotFound` also when the caller may not see it."""
    query = repository.populations(only_granted_to(caller)).where(
        (Population.id == ref) | (Population.name == ref)
    )
    population = session.scalars(query).one_or_none()
    if population is None:
        raise NotFound(f"There is no population {ref!r} that you have access to.")
    return _view(population, _together(session, [population.id])[population.id])


def _check(limits: BudgetLimits) -> None:
    """Raise `InvalidInput` for limits that no account can keep, before anybody is given them."""
    try:
        accounting.preset(limits.epsilon, limits.delta_conv, limits.delta_add)
    except accounting.ImpossibleLimits as impossible:
        raise InvalidInput(f"each: {impossible}") from None


def _together(session: Session, population_ids: list[str]) -> dict[str, BudgetLimits]:
    accounts = repository.shared_accounts(session, population_ids)
    limits = ledger_rows.limit_entries(session, accounts)
    return {accounts[account]: ledger.limits_in(entries[-1]) for account, entries in limits.items()}


def _view(population: Population, together: BudgetLimits) -> PopulationView:
    return PopulationView(
        id=population.id,
        name=population.name,
        description=population.description,
        together=together,
        each=BudgetLimits.model_validate(population.each_limits),
        created_at=population.created_at,
    )
