"""Private rows beside which outputs are looked at."""

from pathlib import Path

import pandas as pd
import pytest

from carrel_worker.sandbox.runner import tables
from tests.worker.code.private import frame_of, lay_out


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("private")
    lay_out(path / tables.STORED)
    return path


@pytest.fixture(scope="module")
def df(directory: Path) -> pd.DataFrame:
    frame: pd.DataFrame = frame_of(directory)
    return frame
