"""Terms of use: accepted by each person, revision by revision, before they ask anything."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict
from carrel_site.datasets.errors import TermsChanged, TermsNotAccepted
from carrel_site.datasets.models import Dataset, TermsAccepted
from carrel_site.datasets.repository import Granted


def change(dataset: Dataset, text: str) -> bool:
    """Give `dataset` new terms, which everybody has to accept anew; False if they are the same."""
    if text == dataset.terms:
        return False
    dataset.terms = text
    dataset.terms_revision += 1
    return True


def accept(session: Session, dataset: Dataset, revision: int, user_id: str) -> None:
    """Note that a person accepts the present terms, whose revision they name; safe to repeat."""
    if not dataset.terms:
        raise Conflict("This dataset has no terms to accept.")
    if revision != dataset.terms_revision:
        raise TermsChanged(
            f"The present terms are revision {dataset.terms_revision}, not {revision}."
        )
    new = session.scalar(
        insert(TermsAccepted)
        .values(dataset_id=dataset.id, user_id=user_id, revision=revision, at=now())
        .on_conflict_do_nothing()
        .returning(TermsAccepted.user_id)
    )
    if new is not None:
        record(session, user_id, "terms.accepted", dataset.id, revision=revision)


def check(granted: Granted) -> None:
    """Raise `TermsNotAccepted` unless the person may ask under the present terms."""
    dataset = granted.dataset
    if dataset.terms and granted.accepted_at is None:
        raise TermsNotAccepted(
            f"The dataset {dataset.name!r} has terms of use that you have not accepted.",
            advice="Read them (site.datasets[…].terms), and accept them with accept_terms() or "
            f"POST /api/v1/datasets/{dataset.name}/terms "
            f'{{"revision": {dataset.terms_revision}}}.',
        )
