"""Cursors, entity tags, redaction and the migrated schema."""

import json
import logging

import pytest
import structlog
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import CheckConstraint, create_engine, text

from carrel_site.core import logs
from carrel_site.core.errors import InvalidInput, PreconditionFailed, PreconditionRequired
from carrel_site.core.etags import check_if_match, etag_of
from carrel_site.core.metadata import metadata
from carrel_site.core.pagination import decode_cursor, encode_cursor, position
from tests.fixtures.services import DatabaseUrls
from tests.fixtures.site import AppSite


@given(st.text(), st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_cursor_comes_back(word: str, number: int) -> None:
    assert decode_cursor(encode_cursor(word, number), str, int) == (word, number)


@given(st.text(max_size=60))
def test_what_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        position(cursor)


@pytest.mark.parametrize(
    "key", [("x", "id"), ("2026-01-01T00:00:00", "id"), (1, "id"), ("2026-01-01T00:00:00Z",)]
)
def test_a_cursor_of_another_list_is_refused(key: tuple[object, ...]) -> None:
    with pytest.raises(InvalidInput):
        position(encode_cursor(*key))
    with pytest.raises(InvalidInput):
        decode_cursor(encode_cursor(2**63), int)


class Shown(BaseModel):
    words: str


def test_an_edit_names_what_it_edits() -> None:
    now, before = Shown(words="b"), Shown(words="a")
    check_if_match(etag_of(now), now)
    check_if_match("*", now)
    check_if_match(f'"other", {etag_of(now)}', now)
    with pytest.raises(PreconditionRequired):
        check_if_match(None, now)
    for header in (etag_of(before), f"W/{etag_of(now)}", etag_of(now).strip('"'), ""):
        with pytest.raises(PreconditionFailed):
            check_if_match(header, now)


def test_logs_are_json_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    secret = "ck_" + "A" * 43
    try:
        logs.configure("INFO")
        structlog.get_logger("carrel").info(
            "hello", password="p", detail={"api_token": "t", "note": f"key {secret}."}
        )
        logging.getLogger("other").warning("postgresql://carrel_app:s3cret@db/carrel %s", secret)
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert first["event"] == "hello"
    assert first["password"] == first["detail"]["api_token"] == "[hidden]"
    assert first["detail"]["note"] == "key [hidden]."
    assert second["event"] == "postgresql://carrel_app:[hidden]@db/carrel [hidden]"
    assert second["level"] == "warning"


def test_migrations_make_the_tables_that_the_models_declare(database_urls: DatabaseUrls) -> None:
    engine = create_engine(database_urls.owner)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrations_make_the_checks_that_the_models_declare(database_urls: DatabaseUrls) -> None:
    """Alembic does not compare CHECK constraints, so PostgreSQL's rendering of both is."""
    engine = create_engine(database_urls.owner)
    query = text(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = CAST(:schema AS regnamespace)"
    )
    with engine.connect() as connection:
        migrated = set(map(tuple, connection.execute(query, {"schema": "public"})))
        connection.execute(text("CREATE SCHEMA declared"))
        connection.execute(text("SET search_path = declared"))
        metadata.create_all(connection)
        declared = {
            (table.removeprefix("declared."), name, definition)
            for table, name, definition in connection.execute(query, {"schema": "declared"})
        }
        connection.rollback()
    engine.dispose()
    assert {(t.removeprefix("public."), n, d) for t, n, d in migrated} == declared
    named = {
        c.name
        for t in metadata.tables.values()
        for c in t.constraints
        if isinstance(c, CheckConstraint)
    }
    assert len(declared) == len(named) >= 7


def test_the_application_owns_nothing(database_urls: DatabaseUrls, app_site: AppSite) -> None:
    engine = create_engine(database_urls.owner)
    with engine.connect() as connection:
        owners = set(
            connection.scalars(
                text(
                    "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
                    " WHERE relnamespace = 'public'::regnamespace"
                )
            )
        )
    engine.dispose()
    assert owners == {"carrel_owner"}
