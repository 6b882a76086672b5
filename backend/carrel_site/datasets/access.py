"""Who may use a dataset. Access opens an account; taking it away keeps what was spent."""

from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import AccessGrant, AccessUpdate, BudgetLimits
from carrel_site.accounts.models import User
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, NotFound
from carrel_site.core.permissions import TABLE, Permission
from carrel_site.datasets import repository
from carrel_site.datasets.models import Dataset, DatasetAccess
from carrel_site.datasets.service import missing
from carrel_site.events import changes, notices
from carrel_site.ledger import service as ledger


def listed(session: Session, ref: str) -> tuple[AccessGrant, ...]:
    """Everybody who may use the dataset, earliest grant first."""
    dataset = _dataset(session, ref)
    return tuple(_view(grant, user) for grant, user in repository.access(session, dataset.id))


def give(session: Session, ref: str, asked: AccessUpdate, actor: str) -> AccessGrant:
    """Give a person access, and an account at the population if they have none there yet."""
    dataset = _dataset(session, ref)
    # Held until the commit, so that two grants at once open one account.
    population = repository.population(session, dataset.population_id, lock=True)
    assert population is not None
    user = repository.user(session, asked.user)
    if user is None:
        raise NotFound("There is no such person.")
    if not user.active:
        raise Conflict("This person is deactivated.", advice="Activate them first.")
    if Role(user.role) not in TABLE[Permission.REQUESTS_ASK][0]:
        raise Conflict(
            f"A person with the role '{user.role}' asks nothing, so access would give them nothing."
        )
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
