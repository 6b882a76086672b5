"""What a job writes before it is known to be the one that counts."""

import os
import shutil
from pathlib import Path


def attempt_path(target: Path, epoch: int) -> Path:
    """Where the attempt of a claim writes: beside its target, which it replaces at the end."""
    return target.with_name(f"{target.name}.attempt-{epoch}")


def remove_attempts(target: Path, only: Path | None = None) -> None:
    """Remove what attempts at `target` left beside it: those of workers that were killed too."""
    marker = only.name if only is not None else f"{target.name}.attempt-"
    for path in target.parent.iterdir():
        if not path.name.lstrip(".").startswith(marker):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Make a new name durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
