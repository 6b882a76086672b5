"""Registering and describing datasets. Each change of metadata or policy is a kept revision."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page, Role
from carrel_protocol.api.datasets import Dataset as DatasetView
from carrel_protocol.api.datasets import DatasetCreate, DatasetPolicy, DatasetUpdate
from carrel_protocol.schema import TableSchema
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import NotFound
from carrel_site.core.etags import check_if_match
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import newest_first
from carrel_site.datasets import repository
from carrel_site.datasets.errors import NameTaken, UnitColumnFixed
from carrel_site.datasets.models import Dataset, DatasetRevision
from carrel_site.datasets.service import choose_current, missing
from carrel_site.events import changes


def create(session: Session, asked: DatasetCreate, actor: str) -> DatasetView:
    """Register a dataset. Nothing can be asked of it until a version was uploaded."""
    population = repository.population(session, asked.population)
    if population is None:
        raise NotFound(
            f"There is no population {asked.population!r}.", advice="Create the population first."
        )
    dataset_id = new_id("ds")
    inserted = session.scalar(
        insert(Dataset)
        .values(
            id=dataset_id,
            name=asked.name,
            title=asked.title,
            description=asked.description,
            population_id=population.id,
            table_schema=asked.table.model_dump(mode="json"),
            revision=1,
            policy=asked.policy.model_dump(mode="json"),
            policy_revision=1,
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=[Dataset.name])
        .returning(Dataset.id)
    )
    if inserted is None or session.get(Dataset, asked.name) is not None:
        raise NameTaken(f"There is a dataset named {asked.name!r}.")
    dataset = session.get_one(Dataset, dataset_id)
    _keep_revision(session, dataset, actor)
    record(
        session,
        actor,
        "dataset.created",
        dataset.id,
        name=dataset.name,
        population=population.id,
        table=dataset.table_schema,
        policy=dataset.policy,
    )
    changes.dataset_changed(session, dataset.id)
    return view(dataset, population.name)


def update(
    session: Session, ref: str, asked: DatasetUpdate, if_match: str | None, actor: str
) -> DatasetView:
    """Change what a dataset says, allows or declares; the caller must have seen it as it is."""
    dataset = repository.dataset(session, ref, lock=True)
    if dataset is None:
        raise missing(ref)
    population = repository.population_names(session, [dataset.population_id])
    name = population[dataset.population_id]
    check_if_match(if_match, view(dataset, name))

    words = {
        field: value
        for field, value in (("title", asked.title), ("description", asked.description))
        if value is not None and value != getattr(dataset, field)
    }
    for field, value in words.items():
        setattr(dataset, field, value)
    table_changed = asked.table is not None and _change_table(dataset, asked.table)
    policy_changed = asked.policy is not None and _change_policy(dataset, asked.policy)
    if table_changed or policy_changed:
        _keep_revision(session, dataset, actor)
    if table_changed:
        choose_current(session, dataset)
    if words or table_changed or policy_changed:
        changes.dataset_changed(session, dataset.id)
        record(
            session,
            actor,
            "dataset.updated",
            dataset.id,
            words=words,
            revision=dataset.revision,
            policy_revision=dataset.policy_revision,
            version=dataset.version_id,
            **({"table": dataset.table_schema} if table_changed else {}),
            **({"policy": dataset.policy} if policy_changed else {}),
        )
    return view(dataset, name)


def page(session: Session, caller: Caller, cursor: str | None, limit: int) -> Page[DatasetView]:
    """The datasets that the caller may see, newest first."""
    rows = newest_first(
        session,
        repository.datasets(only_granted_to(caller)),
        Dataset.created_at,
        Dataset.id,
        cursor,
        limit,
        lambda dataset: dataset,
    )
    names = repository.population_names(session, {row.population_id for row in rows.items})
    return Page(
        items=tuple(view(row, names[row.population_id]) for row in rows.items),
        next_cursor=rows.next_cursor,
    )


def get(session: Session, caller: Caller, ref: str) -> DatasetView:
    """One dataset by id or name; `NotFound` also when the caller may not see it."""
    dataset = visible(session, caller, ref)
    names = repository.population_names(session, [dataset.population_id])
    return view(dataset, names[dataset.population_id])


def visible(session: Session, caller: Caller, ref: str) -> Dataset:
    """The row behind `get`."""
    dataset = repository.dataset(session, ref)
    if dataset is None:
        raise missing(ref)
    user_id = only_granted_to(caller)
    if user_id is not None and not repository.has_access(session, dataset.id, user_id):
        raise missing(ref)
    return dataset


def only_granted_to(caller: Caller) -> str | None:
    """The person whose grants bound what is seen; None for those who see everything."""
    return caller.user_id if caller.role is Role.RESEARCHER else None


def view(dataset: Dataset, population_name: str) -> DatasetView:
    return DatasetView(
        id=dataset.id,
        name=dataset.name,
        title=dataset.title,
        description=dataset.description,
        population=population_name,
        table=TableSchema.model_validate(dataset.table_schema),
        policy=DatasetPolicy.model_validate(dataset.policy),
        revision=dataset.revision,
        version_id=dataset.version_id,
        created_at=dataset.created_at,
    )


def _change_table(dataset: Dataset, table: TableSchema) -> bool:
    old = TableSchema.model_validate(dataset.table_schema)
    if table.unit_column != old.unit_column:
        raise UnitColumnFixed(
            f"The unit column is {old.unit_column!r} and cannot become {table.unit_column!r}."
        )
    if table == old:
        return False
    dataset.table_schema = table.model_dump(mode="json")
    dataset.revision += 1
    return True


def _change_policy(dataset: Dataset, policy: DatasetPolicy) -> bool:
    if policy == DatasetPolicy.model_validate(dataset.policy):
        return False
    dataset.policy = policy.model_dump(mode="json")
    dataset.policy_revision += 1
    return True


def _keep_revision(session: Session, dataset: Dataset, actor: str) -> None:
    session.add(
        DatasetRevision(
            dataset_id=dataset.id,
            revision=dataset.revision,
            policy_revision=dataset.policy_revision,
            table_schema=dataset.table_schema,
            policy=dataset.policy,
            by=actor,
            at=now(),
        )
    )
    session.flush()
