"""What `import carrel` brings, and what it is careful not to."""

import json
import re
import subprocess
import sys

import carrel
from carrel import _errors

HEAVY = {"fastapi", "sqlalchemy", "celery", "torch", "numpy", "pandas", "duckdb", "sqlglot"}


def modules_after(code: str) -> set[str]:
    """The modules a fresh interpreter has loaded once it ran `code`."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout))


def test_importing_loads_neither_httpx_nor_pydantic() -> None:
    loaded = modules_after("import carrel")
    assert "carrel" in loaded
    assert not loaded & (HEAVY | {"httpx", "pydantic", "carrel_protocol", "importlib.metadata"})


def test_every_name_together_loads_httpx_and_pydantic_and_no_peer_of_theirs() -> None:
    loaded = modules_after("from carrel import *; import carrel; carrel.__version__")
    assert {"httpx", "pydantic", "carrel_protocol"} <= loaded
    assert not loaded & (HEAVY | {"carrel_site", "carrel_worker"})


def test_all_names_exist_and_all_public_classes_are_named() -> None:
    for name in carrel.__all__:
        assert getattr(carrel, name) is not None, name
    assert set(carrel.__all__) <= set(dir(carrel))
    errors = {
        name
        for name, value in vars(_errors).items()
        if isinstance(value, type)
        and issubclass(value, carrel.CarrelError)
        and not name.startswith("_")
    }
    assert errors <= set(carrel.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(carrel, "no_such_name")


def test_version_is_the_distribution_s() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", carrel.__version__)
