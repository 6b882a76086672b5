"""Who may use a dataset. Access opens an account; taking it away keeps what was spent."""

from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import (
    AccessGrant,
    AccessSkipped,
    AccessUpdate,
    BudgetLimits,
    GroupAccess,
    PersonAccess,
)
from carrel_site.accounts import groups
from carrel_site.accounts.models import User
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, InvalidInput, NotFound
from carrel_site.core.permissions import TABLE, Permission
from carrel_site.datasets import repository
from carrel_site.datasets.models import Dataset, DatasetAccess, Population
from carrel_site.datasets.service import missing
from carrel_site.events import changes, notices
from carrel_site.ledger import service as ledger


def listed(session: Session, ref: str) -> tuple[AccessGrant, ...]:
    """Everybody who may use the dataset, earliest grant first."""
    dataset = _dataset(session, ref)
    return tuple(_view(grant, user) for grant, user in repository.access(session, dataset.id))


def of_person(session: Session, user_id: str) -> tuple[PersonAccess, ...]:
    """Every dataset that a person may use, newest grant first."""
    if session.get(User, user_id) is None:
        raise NotFound("There is no such person.")
    return tuple(
        PersonAccess(
            dataset_id=grant.dataset_id,
            dataset=grant.name,
            title=grant.title,
            granted_at=grant.granted_at,
        )
        for grant in repository.access_of(session, user_id)
    )


def give(session: Session, ref: str, asked: AccessUpdate, actor: str) -> AccessGrant:
    """Give a person access, and an account at the population if they have none there yet."""
    if asked.user is None:
        raise InvalidInput("Send the 'user' who gets access.")
    dataset, population = _to_give(session, ref)
    user = repository.user(session, asked.user)
    if user is None:
        raise NotFound("There is no such person.")
    obstacle = _obstacle(user)
    if obstacle is not None:
        raise Conflict(obstacle[0], advice=obstacle[1])
    return _grant(session, dataset, population, user, actor)


def give_group(session: Session, ref: str, group_ref: str, actor: str) -> GroupAccess:
    """Give access to everybody who is in a group now: one grant each, ended one by one too."""
    group = groups.find(session, group_ref)
    if group is None:
        raise groups.no_group(group_ref)
    dataset, population = _to_give(session, ref)
    given, skipped = [], []
    for user in groups.members(session, group.id):
        obstacle = _obstacle(user)
        if obstacle is None:
            given.append(_grant(session, dataset, population, user, actor))
        else:
            skipped.append(AccessSkipped(user_id=user.id, name=user.name, reason=obstacle[0]))
    return GroupAccess(given=tuple(given), skipped=tuple(skipped))


def _to_give(session: Session, ref: str) -> tuple[Dataset, Population]:
    dataset = _dataset(session, ref)
    # Held until the commit, so that two grants at once open one account.
    population = repository.population(session, dataset.population_id, lock=True)
    assert population is not None
    return dataset, population


def _obstacle(user: User) -> tuple[str, str | None] | None:
    """Why access would give this person nothing, and what to do about it."""
    if not user.active:
        return "This person is deactivated.", "Activate them first."
    if Role(user.role) not in TABLE[Permission.REQUESTS_ASK][0]:
        role = user.role
        return f"Who has the role '{role}' asks nothing, so access would give them nothing.", None
    return None


def _grant(
    session: Session, dataset: Dataset, population: Population, user: User, actor: str
) -> AccessGrant:
    grant = session.get(DatasetAccess, (dataset.id, user.id))
    if grant is None:
        grant = DatasetAccess(
            dataset_id=dataset.id, user_id=user.id, granted_by=actor, granted_at=now()
        )
        session.add(grant)
        session.flush()
        record(session, actor, "access.given", dataset.id, user=user.id)
        notices.access_given(session, dataset, user.id)
        changes.dataset_changed(session, dataset.id)
    each = BudgetLimits.model_validate(population.each_limits)
    ledger.open_account(session, population.id, user.id, each, actor)
    return _view(grant, user)


def take(session: Session, ref: str, user_id: str, actor: str) -> None:
    """End a person's access at once. Their account stays: what they learnt they still know."""
    dataset = _dataset(session, ref)
    grant = session.get(DatasetAccess, (dataset.id, user_id), with_for_update=True)
    if grant is None:
        raise NotFound("This person has no access to this dataset.")
    session.delete(grant)
    session.flush()
    record(session, actor, "access.taken", dataset.id, user=user_id)
    notices.access_taken(session, dataset, user_id)
    changes.dataset_changed(session, dataset.id, also=[user_id])


def _dataset(session: Session, ref: str) -> Dataset:
    dataset = repository.dataset(session, ref)
    if dataset is None:
        raise missing(ref)
    return dataset


def _view(grant: DatasetAccess, user: User) -> AccessGrant:
    return AccessGrant(
        user_id=user.id, name=user.name, email=user.email, granted_at=grant.granted_at
    )
