"""Directories of packages as they are shown to code: one digest for all that lies in one."""

import hashlib
import os
import stat
from pathlib import Path


def tree_digest(root: Path) -> str:
    """SHA-256 over the names and contents of all files below `root`, links by where they lead."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders.sort()
        links = [each for each in folders if (Path(folder) / each).is_symlink()]
        for name in sorted([*files, *links]):
            path = Path(folder) / name
            if stat.S_ISLNK(path.lstat().st_mode):
                content = b"link " + os.fsencode(path.readlink())
            else:
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
            digest.update(os.fsencode(path.relative_to(root)) + b"\0" + content + b"\n")
    return digest.hexdigest()
