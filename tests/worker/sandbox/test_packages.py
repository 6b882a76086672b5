"""Which packages a program can import: those that the environment's lock names."""

import pytest

from carrel_worker import environments
from carrel_worker.sandbox import EnvironmentDir, Program, Sandbox, SandboxError, Tier
from tests.worker.packages import here, root
from tests.worker.sandbox.programs import LIMITS, function, values

OTHERS = (
    *("sqlalchemy", "duckdb", "opendp", "celery", "pydantic", "httpx", "cryptography", "pip"),
    *("carrel_site", "carrel_worker", "carrel_protocol", "carrel", "structlog", "psycopg"),
)
IMPORTS = """
def work(names):
    import importlib
    found = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        found.append(name)
    return found
"""
SHOWN = """
def work():
    from importlib import metadata
    return sorted({each.metadata["Name"].lower() for each in metadata.distributions()})
"""


def _imported(sandbox: Sandbox, *names: str) -> object:
    return values(sandbox.run(function(IMPORTS, names=list(names))))["result"]


def test_what_is_installed_here_beside_them_cannot_be_imported(sandbox: Sandbox) -> None:
    for name in OTHERS:
        assert name not in environments.described().built.imports
    assert _imported(sandbox, *OTHERS, "numpy", "pandas", "dateutil", "PIL.Image") == [
        *("numpy", "pandas", "dateutil", "PIL.Image")
    ]


def test_what_is_there_is_what_the_lock_names(sandbox: Sandbox) -> None:
    names = [each.partition("==")[0] for each in environments.described().built.locked]
    shown = values(sandbox.run(function(SHOWN)))["result"]
    assert {each.replace("_", "-") for each in shown} | {"python"} == set(names)


def test_the_weaker_tier_shows_no_more() -> None:
    try:
        sandbox = Sandbox(minimum=Tier.LANDLOCK, tier=Tier.LANDLOCK)
    except SandboxError as error:
        pytest.skip(str(error))
    with sandbox:
        try:
            found = _imported(sandbox, *OTHERS, "json")
        except SandboxError as error:
            pytest.skip(f"this interpreter is not the sandbox's user's to run: {error}")
    assert found == ["json"]


def test_without_packages_there_is_the_standard_library_alone(sandbox: Sandbox) -> None:
    bare = EnvironmentDir.bare()
    program = Program(
        files={"work.py": IMPORTS},
        entry={"kind": "function", "path": "work.py", "name": "work"},
        environment=bare,
        limits=LIMITS,
        parameters={"names": ["numpy", "json", *OTHERS]},
    )
    assert values(sandbox.run(program)) == {"result": ["json"]}


def test_each_lock_has_a_directory_of_its_own() -> None:
    (packages,) = here().packages
    lock = environments.described().built.lock_hash
    assert packages.parent.name == lock
    assert environments.find("default", lock, root()).directory == here()
