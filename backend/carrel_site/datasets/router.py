"""Populations, datasets, who may use them, and their mocks."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page
from carrel_protocol.api.datasets import (
    AccessGrant,
    AccessUpdate,
    Activity,
    Dataset,
    DatasetCreate,
    DatasetUpdate,
    GroupAccess,
    Mock,
    MockAcceptance,
    MockCheck,
    PersonAccess,
    Population,
    PopulationCreate,
    TermsAcceptance,
)
from carrel_protocol.schema import TableSchema
from carrel_site.core.errors import InvalidInput
from carrel_site.core.etags import IfMatch, etag_of
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.pagination import Cursor, Limit
from carrel_site.core.permissions import Permission
from carrel_site.datasets import (
    access,
    activity,
    catalogue,
    mocks,
    populations,
    terms,
    uploaded_mocks,
)

router = APIRouter(prefix="/api/v1", tags=["datasets"])

Reader = Annotated[Caller, require(Permission.DATASETS_READ)]
Manager = Annotated[Caller, require(Permission.DATASETS_MANAGE)]
Ref = Annotated[str, Path(min_length=1, max_length=64, description="An id or a name.")]
UserId = Annotated[str, Path(min_length=1, max_length=64)]


@router.get("/populations")
def list_populations(
    site: SiteDep, caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[Population]:
    """The populations behind the datasets you may see, newest first."""
    return site.db.read(lambda session: populations.page(session, caller, cursor, limit))


@router.post("/populations", status_code=201)
def create_population(
    site: SiteDep,
    caller: Manager,
    body: PopulationCreate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Population:
    """Declare a set of people, and open the account of everyone together."""
    _, population = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /populations",
        body.model_dump(mode="json"),
        Population,
        lambda session: (201, populations.create(session, body, caller.user_id)),
    )
    return population


@router.get("/populations/{population}")
def read_population(site: SiteDep, caller: Reader, population: Ref) -> Population:
    return site.db.read(lambda session: populations.get(session, caller, population))


@router.get("/datasets")
def list_datasets(
    site: SiteDep,
    caller: Reader,
    q: Annotated[
        str | None,
        Query(max_length=200, description="Words in name, title, description or columns."),
    ] = None,
    population: Annotated[
        str | None, Query(max_length=64, description="A population's id or name.")
    ] = None,
    ready: Annotated[
        bool | None, Query(description="Only those that answer, or that do not.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Dataset]:
    """The datasets you may see, newest first: a researcher's are those they may ask of."""
    return site.db.read(
        lambda session: catalogue.page(
            session, caller, cursor, limit, words=q, population=population, ready=ready
        )
    )


@router.post("/datasets", status_code=201)
def create_dataset(
    site: SiteDep,
    response: Response,
    caller: Manager,
    body: DatasetCreate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Dataset:
    """Register a dataset by its public metadata. Its data follows as a version."""
    _, dataset = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /datasets",
        body.model_dump(mode="json"),
        Dataset,
        lambda session: (201, catalogue.create(session, body, caller.user_id)),
    )
    response.headers["ETag"] = etag_of(dataset)
    return dataset


@router.get("/datasets/{dataset}")
def read_dataset(site: SiteDep, response: Response, caller: Reader, dataset: Ref) -> Dataset:
    """A dataset's public metadata and rules. Its ETag is what an edit has to name."""
    shown = site.db.read(lambda session: catalogue.get(session, caller, dataset))
    response.headers["ETag"] = etag_of(shown)
    return shown


@router.patch("/datasets/{dataset}")
def update_dataset(
    site: SiteDep,
    response: Response,
    caller: Manager,
    dataset: Ref,
    body: DatasetUpdate,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Dataset:
    """Change words, metadata or policy. New columns or domains need a new version to answer from;
    anything else keeps the current one. The unit column never changes.
    """
    _, shown = once(
        site.db,
        caller.user_id,
        idempotency_key,
        f"PATCH /datasets/{dataset}",
        [if_match, body.model_dump(mode="json")],
        Dataset,
        lambda session: (
            200,
            catalogue.update(session, dataset, body, if_match, caller.user_id),
        ),
    )
    response.headers["ETag"] = etag_of(shown)
    return shown


@router.get("/datasets/{dataset}/mock")
def read_mock(
    site: SiteDep,
    caller: Reader,
    dataset: Ref,
    rows: Annotated[int, Query(ge=1, le=10_000)] = 100,
    seed: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0,
) -> Mock:
    """Made-up rows: from public metadata alone, the same for the same seed; or, where the owner
    uploaded a mock, the first of its rows.
    """
    row = site.db.read(lambda session: catalogue.visible(session, caller, dataset))
    table = TableSchema.model_validate(row.table_schema)
    if rows * (len(table.columns) + 1) > mocks.MAX_CELLS:
        raise InvalidInput(
            f"A mock of this table has at most {mocks.MAX_CELLS // (len(table.columns) + 1)} rows."
        )
    if row.mock_version_id is not None:
        return uploaded_mocks.serve(site, row.mock_version_id, rows)
    return mocks.make_mock(table, rows, seed)


@router.get("/datasets/{dataset}/mock/check", dependencies=[require(Permission.VERSIONS_READ)])
def read_mock_check(site: SiteDep, dataset: Ref) -> MockCheck:
    """How the uploaded mock compares with the private rows: a private fact."""
    return site.db.read(lambda session: uploaded_mocks.check(session, dataset))


@router.post("/datasets/{dataset}/mock/accept")
def accept_mock(
    site: SiteDep,
    caller: Manager,
    dataset: Ref,
    body: MockAcceptance,
    idempotency_key: IdempotencyKeyHeader = None,
) -> MockCheck:
    """Let researchers have a mock although rows of it are like private ones, with a reason."""
    _, check = once(
        site.db,
        caller.user_id,
        idempotency_key,
        f"POST /datasets/{dataset}/mock/accept",
        body.model_dump(mode="json"),
        MockCheck,
        lambda session: (200, uploaded_mocks.accept(session, dataset, body, caller.user_id)),
    )
    return check


@router.delete("/datasets/{dataset}/mock", status_code=204)
def delete_mock(site: SiteDep, caller: Manager, dataset: Ref) -> None:
    """Go back to the generated mock; the uploaded one is dropped."""
    site.db.transact(lambda session: uploaded_mocks.remove(session, site, dataset, caller.user_id))


@router.post("/datasets/{dataset}/terms")
def accept_terms(
    site: SiteDep,
    caller: Annotated[Caller, require(Permission.REQUESTS_ASK)],
    dataset: Ref,
    body: TermsAcceptance,
) -> Dataset:
    """Accept the terms of use that you read. After a change they have to be accepted anew."""

    def work(session: Session) -> Dataset:
        row = catalogue.visible(session, caller, dataset)
        terms.accept(session, row, body.revision, caller.user_id)
        return catalogue.views(session, [row], caller.user_id)[0]

    return site.db.transact(work)


@router.get("/datasets/{dataset}/activity")
def list_activity(
    site: SiteDep,
    caller: Annotated[Caller, require(Permission.ACCESS_READ)],
    dataset: Ref,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Activity]:
    """What happened to a dataset, its versions and its requests, newest first."""
    return site.db.read(lambda session: activity.page(session, caller, dataset, cursor, limit))


@router.get("/datasets/{dataset}/access", dependencies=[require(Permission.ACCESS_READ)])
def list_access(site: SiteDep, dataset: Ref) -> tuple[AccessGrant, ...]:
    """Who may ask questions of this dataset."""
    return site.db.read(lambda session: access.listed(session, dataset))


@router.get("/users/{user_id}/access", dependencies=[require(Permission.ACCESS_READ)])
def list_user_access(site: SiteDep, user_id: UserId) -> tuple[PersonAccess, ...]:
    """The datasets that a person may ask questions of."""
    return site.db.read(lambda session: access.of_person(session, user_id))


@router.put("/datasets/{dataset}/access")
def give_access(
    site: SiteDep,
    caller: Manager,
    dataset: Ref,
    body: AccessUpdate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> AccessGrant | GroupAccess:
    """Let a person ask questions, or everybody who is in a group now. The budget of each at the
    population opens with it. Send either `user` or `group`.
    """
    if (body.user is None) == (body.group is None):
        raise InvalidInput("Send either 'user' or 'group'.")
    route, asked = f"PUT /datasets/{dataset}/access", body.model_dump(mode="json")
    group = body.group
    if group is not None:
        _, given = once(
            site.db,
            caller.user_id,
            idempotency_key,
            route,
            asked,
            GroupAccess,
            lambda session: (200, access.give_group(session, dataset, group, caller.user_id)),
        )
        return given
    _, grant = once(
        site.db,
        caller.user_id,
        idempotency_key,
        route,
        asked,
        AccessGrant,
        lambda session: (200, access.give(session, dataset, body, caller.user_id)),
    )
    return grant


@router.delete("/datasets/{dataset}/access/{user_id}", status_code=204)
def take_access(site: SiteDep, caller: Manager, dataset: Ref, user_id: UserId) -> None:
    """End a person's access at once. What they spent stays spent."""
    site.db.transact(lambda session: access.take(session, dataset, user_id, caller.user_id))
