"""A first draft of a table's public description, by the worker's reader in a process of its own.

The site's code never parses a row, so neither do its commands.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from carrel_site.cli.rest import refuse

REVEALS = (
    "Bounds and categories taken from the values tell everybody who may see the dataset something "
    "of the people in it: how old the oldest is, which rare categories there are. Declare what is "
    "known without looking at the data wherever you can."
)


def draft(file: Path, file_format: str, *, from_values: bool) -> dict[str, Any]:
    """{"table": …, "notes": […]}; ends the command if the file cannot be read."""
    command = [sys.executable, "-P", "-m", "carrel_worker.proposals", str(file), file_format]
    done = subprocess.run(  # noqa: S603 (our own interpreter and module)
        [*command, *(["--from-values"] if from_values else [])],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        refuse(f"{file.name}: {done.stderr.strip().splitlines()[-1]}")
    drafted: dict[str, Any] = json.loads(done.stdout)
    return drafted
