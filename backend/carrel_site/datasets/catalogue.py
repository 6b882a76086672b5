"""Registering and describing datasets. Each change of metadata or policy is a kept revision."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page, Person, Role
from carrel_protocol.api.datasets import Dataset as DatasetView
from carrel_protocol.api.datasets import DatasetCreate, DatasetPolicy, DatasetUpdate
from carrel_protocol.schema import TableSchema
from carrel_site.accounts import groups
from carrel_site.accounts.models import User
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import NotFound
from carrel_site.core.etags import check_if_match
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import newest_first
from carrel_site.datasets import repository, terms
from carrel_site.datasets.errors import NameTaken, UnitColumnFixed
from carrel_site.datasets.models import Dataset, DatasetRevision
from carrel_site.datasets.service import choose_current, layout, missing
from carrel_site.events import changes
from carrel_site.requests import allowed


def create(session: Session, asked: DatasetCreate, actor: str) -> DatasetView:
    """Register a dataset. Nothing can be asked of it until a version was uploaded."""
    population = repository.population(session, asked.population)
    if population is None:
        raise NotFound(
            f"There is no population {asked.population!r}.", advice="Create the population first."
        )
    policy = _with_groups(session, asked.policy)
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
            policy=policy.model_dump(mode="json"),
            policy_revision=1,
            terms=asked.terms,
            terms_revision=1 if asked.terms else 0,
            words=_words(asked.name, asked.title, asked.description, asked.table),
            created_by=actor,
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
        **({"terms": dataset.terms} if dataset.terms else {}),
    )
    changes.dataset_changed(session, dataset.id)
    return views(session, [dataset], actor)[0]


def update(
    session: Session, ref: str, asked: DatasetUpdate, if_match: str | None, actor: str
) -> DatasetView:
    """Change what a dataset says, allows or declares; the caller must have seen it as it is."""
    dataset = repository.dataset(session, ref, lock=True)
    if dataset is None:
        raise missing(ref)
    check_if_match(if_match, views(session, [dataset], actor)[0])

    words = {
        field: value
        for field, value in (("title", asked.title), ("description", asked.description))
        if value is not None and value != getattr(dataset, field)
    }
    for field, value in words.items():
        setattr(dataset, field, value)
    table_changed = asked.table is not None and _change_table(dataset, asked.table)
    policy_changed = asked.policy is not None and _change_policy(
        dataset, _with_groups(session, asked.policy)
    )
    terms_changed = asked.terms is not None and terms.change(dataset, asked.terms)
    if words or table_changed:
        dataset.words = _words(
            dataset.name,
            dataset.title,
            dataset.description,
            TableSchema.model_validate(dataset.table_schema),
        )
    if table_changed or policy_changed:
        _keep_revision(session, dataset, actor)
    if policy_changed:
        allowed.tighten(session, dataset)
    if table_changed:
        choose_current(session, dataset)
    if words or table_changed or policy_changed or terms_changed:
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
            **(
                {"terms": dataset.terms, "terms_revision": dataset.terms_revision}
                if terms_changed
                else {}
            ),
        )
    return views(session, [dataset], actor)[0]


def page(
    session: Session,
    caller: Caller,
    cursor: str | None,
    limit: int,
    *,
    words: str | None = None,
    population: str | None = None,
    ready: bool | None = None,
) -> Page[DatasetView]:
    """The datasets that the caller may see, newest first: with each of `words` somewhere in
    their name, title, description or columns, about `population`, and `ready` or not."""
    seen = repository.datasets(only_granted_to(caller))
    rows = newest_first(
        session,
        repository.matching(seen, words, population, ready=ready),
        Dataset.created_at,
        Dataset.id,
        cursor,
        limit,
        lambda dataset: dataset,
    )
    return Page(
        items=tuple(views(session, rows.items, caller.user_id)), next_cursor=rows.next_cursor
    )


def get(session: Session, caller: Caller, ref: str) -> DatasetView:
    """One dataset by id or name; `NotFound` also when the caller may not see it."""
    dataset = visible(session, caller, ref)
    return views(session, [dataset], caller.user_id)[0]


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


def views(session: Session, datasets: Sequence[Dataset], user_id: str) -> list[DatasetView]:
    """The datasets as `user_id` sees them, in four queries however many they are."""
    ids = [dataset.id for dataset in datasets]
    populations = repository.population_names(session, {d.population_id for d in datasets})
    makers = repository.people(session, {d.created_by for d in datasets})
    accepted = repository.accepted_terms(session, user_id, ids)
    granted = repository.granted_among(session, user_id, ids)
    return [
        _view(
            dataset,
            populations[dataset.population_id],
            makers.get(dataset.created_by or ""),
            accepted.get(dataset.id),
            accessible=dataset.id in granted,
        )
        for dataset in datasets
    ]


def _view(
    dataset: Dataset,
    population: str,
    maker: User | None,
    accepted_at: datetime | None,
    *,
    accessible: bool,
) -> DatasetView:
    return DatasetView(
        id=dataset.id,
        name=dataset.name,
        title=dataset.title,
        description=dataset.description,
        population=population,
        table=TableSchema.model_validate(dataset.table_schema),
        policy=DatasetPolicy.model_validate(dataset.policy),
        revision=dataset.revision,
        version_id=dataset.version_id,
        created_at=dataset.created_at,
        created_by=(
            None if maker is None else Person(id=maker.id, name=maker.name, email=maker.email)
        ),
        population_id=dataset.population_id,
        population_name=population,
        terms=dataset.terms,
        terms_revision=dataset.terms_revision,
        terms_accepted_at=accepted_at,
        mock="generated" if dataset.mock_version_id is None else "uploaded",
        accessible=accessible,
    )


def _words(name: str, title: str, description: str, table: TableSchema) -> str:
    """What a search looks through."""
    columns = [word for column in table.columns for word in (column.name, column.description)]
    return " ".join(filter(None, (name, title, description, *columns))).lower()


def _change_table(dataset: Dataset, table: TableSchema) -> bool:
    old = TableSchema.model_validate(dataset.table_schema)
    if table.unit_column != old.unit_column:
        raise UnitColumnFixed(
            f"The unit column is {old.unit_column!r} and cannot become {table.unit_column!r}."
        )
    if table == old:
        return False
    before = layout(dataset.table_schema)
    dataset.table_schema = table.model_dump(mode="json")
    dataset.revision += 1
    if layout(dataset.table_schema) != before:
        dataset.mock_version_id = None  # it has the columns as they were
    return True


def _change_policy(dataset: Dataset, policy: DatasetPolicy) -> bool:
    if policy == DatasetPolicy.model_validate(dataset.policy):
        return False
    dataset.policy = policy.model_dump(mode="json")
    dataset.policy_revision += 1
    return True


def _with_groups(session: Session, policy: DatasetPolicy) -> DatasetPolicy:
    """The policy with its groups' ids, none of which can be deleted while it names them."""
    if not policy.reviewer_groups:
        return policy
    named = groups.held(session, policy.reviewer_groups)
    return policy.model_copy(update={"reviewer_groups": tuple(group.id for group in named)})


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
