"""The spend journal: what accounts have spent, written down outside the database.

Restoring a backup of the database forgets what was spent since; this file does not. A line says
what an account had used at one of its entries, or that the database was found restored. Lines
are signed by the site and chained, so none can be changed, or taken from the middle, unnoticed.
The newest ones can be cut off: keep a copy of the file elsewhere.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from carrel_protocol.canonical import canonical_json, tagged_hash
from carrel_site.audit.log import exact
from carrel_site.core.security import Signer


class JournalDamaged(RuntimeError):
    """A line of the journal is not what the site wrote."""


class JournalMissing(RuntimeError):
    """The database knows of a journal, and it is not where the settings say."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    previous: str
    """The hash of the line before it; empty for the first."""
    at: datetime
    key_id: str
    signature: str = ""


class Spend(_Line):
    """An account as its entry number `entries`, whose hash is `head`, left it."""

    kind: Literal["spend"] = "spend"
    account_id: str
    population_id: str
    population: str
    user_id: str | None
    """None: the population's own account."""
    user: str | None
    """`user_digest` of the person's e-mail address."""
    entries: int
    head: str
    orders: tuple[int, int]
    """In thousandths."""
    used: tuple[int, int]
    """Spent and reserved, in nano-units at each order."""
    delta: int
    """Spent and reserved, in 1e-18."""


class Restored(_Line):
    """The log had reached the anchor (`anchor_sequence`, `anchor_hash`), and no longer holds it.

    Of the heads anchored before, (`sequence`, `hash`) is the last that it still holds.
    """

    kind: Literal["restored"] = "restored"
    anchor_sequence: int
    anchor_hash: str
    sequence: int
    hash: str


Line = Spend | Restored
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


class Journal:
    """The journal at `path`; remembers what it has read, so that a second look is short."""

    def __init__(self, path: Path, signer: Signer) -> None:
        self.path = path
        self._signer = signer
        self._offset = 0
        self._last: Line | None = None
        self._spends: dict[str, Spend] = {}
        self._restored: set[tuple[int, str]] = set()

    def exists(self) -> bool:
        return self.path.is_file()

    def is_empty(self) -> bool:
        self._catch_up()
        return self._last is None

    def spends(self) -> dict[str, Spend]:
        """Each account's newest line. Raises `JournalDamaged` when one is not the site's own."""
        self._catch_up()
        for line in self._spends.values():
            if not is_signed_by(line, self._signer.public):
                raise JournalDamaged(
                    f"{self.path}, line {line.number}: not signed by this site's key"
                )
        return dict(self._spends)

    def knows_restore(self, anchor_sequence: int, anchor_hash: str) -> bool:
        """Whether it says that this head was lost in a restore."""
        self._catch_up()
        return (anchor_sequence, anchor_hash) in self._restored

    def append(self, lines: list[Line]) -> None:
        """Number, chain and sign `lines`, and write them durably, in one piece."""
        with self._locked() as descriptor:
            self._catch_up()
            written, last = [], self._last
            for line in lines:
                last = self._sealed(line, last)
                written.append(last.model_dump_json().encode() + b"\n")
            text = b"".join(written)
            if not _ends_with_newline(descriptor):
                text = b"\n" + text  # a write that a crash cut short
            os.write(descriptor, text)
            os.fsync(descriptor)
        self._catch_up()

    def unsealed(self, at: datetime) -> dict[str, object]:
        """The fields that `append` fills in, for whoever makes a line."""
        return {"number": 0, "previous": "", "at": at, "key_id": self._signer.key_id}

    def _sealed(self, line: Line, last: Line | None) -> Line:
        chained = line.model_copy(
            update={
                "number": 1 if last is None else last.number + 1,
                "previous": "" if last is None else line_hash(last),
            }
        )
        return chained.model_copy(update={"signature": self._signer.sign(_message(chained))})

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _catch_up(self) -> None:
        for line, end in _parsed(self.path, self._offset):
            self._offset, self._last = end, line
            if isinstance(line, Spend):
                self._spends[line.account_id] = line
            else:
                self._restored.add((line.anchor_sequence, line.anchor_hash))


def read_journal(path: Path) -> list[Line]:
    """Every line of the journal; none when there is no file. Raises `JournalDamaged`."""
    return [line for line, _ in _parsed(path, 0)]


def is_signed_by(line: Line, key: Ed25519PublicKey) -> bool:
    """Whether `key` made the line's signature (Ed25519, RFC 8032)."""
    try:
        key.verify(bytes.fromhex(line.signature), _message(line))
    except (ValueError, InvalidSignature):
        return False
    return True


def line_hash(line: Line) -> str:
    """What the next line is chained by."""
    return tagged_hash("spend-journal-line/1", exact(line.model_dump(mode="json")))


def user_digest(email: str) -> str:
    """Stands for a person in the journal, so that a copy of it is no list of addresses."""
    return tagged_hash("spend-journal-user/1", email.lower())


def _message(line: Line) -> bytes:
    body = exact(line.model_dump(mode="json", exclude={"signature"}))
    return canonical_json(["carrel/spend-journal/1", body])


def _parsed(path: Path, offset: int) -> Iterator[tuple[Line, int]]:
    """Whole lines from `offset` on, each with the offset after it.

    What is no JSON is a write that a crash cut short: whether a line was there tells the chain.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for text in file:
            offset += len(text)
            if not text.endswith(b"\n"):
                return
            try:
                json.loads(text)
            except ValueError:
                continue
            try:
                yield _LINE.validate_json(text), offset
            except ValidationError:
                raise JournalDamaged(
                    f"{path}: the line that ends at byte {offset} is none of its own"
                ) from None


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
