"""What `default` shows of this installation, for tests that run code."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from carrel_worker import environments
from carrel_worker.sandbox import EnvironmentDir


@cache
def root() -> Path:
    """Where environments of this process are made, if not within what is installed."""
    made = Path(tempfile.mkdtemp(prefix="carrel-environments-"))
    made.chmod(0o755)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def here() -> EnvironmentDir:
    return environments.default(root()).directory
