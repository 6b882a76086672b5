"""Bad uploads, and a large one: what the site answers, what is left, how much memory it takes.

    .venv/bin/python bench/uploads.py [--check] [--gigabytes 2]

Against `carrel up` on this machine. Each bad input is sent as an owner would send it; the table
shows what was answered, the bytes that are left below the storage directory, and the rows that
are left in the database. A second site, none of whose processes can write a file beyond 48 MB,
plays the full disk. The large upload is made up on the fly; its memory is the growth of the
resident memory of all API processes together, at its peak, over what it was before.
"""

import argparse
import gzip
import hashlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx
from _report import Figure, report
from _site import BenchSite, bench_site

MB = 10**6
EXPANDED = 100 * MB
FILE_LIMIT = 48 * MB
PIECE = 64 << 20
HEAD = b"person,age,spend\n"
GOOD = HEAD + b"".join(b"%d,%d,%d\n" % (i, i % 90, i % 1000) for i in range(500))
_WAIT_SECONDS = 300.0


@dataclass(frozen=True)
class Case:
    """One bad input: how to send it, and what the answer has to say."""

    name: str
    send: Callable[["Uploads"], "Answer"]
    says: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    code: str
    """The problem's code, or the version's state."""
    text: str


@dataclass(frozen=True)
class Outcome:
    name: str
    answer: Answer
    meant: bool
    files: int
    """Bytes below the storage directory that were not there before."""
    rows: str
    answering: bool
    """Whether the dataset still answers from the version that it had."""


class Uploads:
    """A dataset that answers, and ways to send a file to it."""

    def __init__(self, site: BenchSite, name: str) -> None:
        self.site = site
        self.name = name
        self.http = site.owner()
        self.http.timeout = httpx.Timeout(120.0)
        site.dataset(self.http, name, 100.0)
        self.version = self.current()

    def current(self) -> Any:
        return self.http.get(f"/datasets/{self.name}").raise_for_status().json()["version_id"]

    def begin(self, size: int, file_format: str, **more: Any) -> httpx.Response:
        body = {"format": file_format, "size": size, **more}
        return self.http.post(f"/datasets/{self.name}/uploads", json=body)

    def piece(self, upload: str, offset: int, content: Any, **headers: str) -> httpx.Response:
        sent = {"Upload-Offset": str(offset), **headers}
        return self.http.patch(f"/uploads/{upload}", content=content, headers=sent)

    def bring(self, content: bytes, file_format: str = "csv", **more: Any) -> Answer:
        """Upload in pieces and have it laid out: the version's end, or the first refusal."""
        begun = self.begin(len(content), file_format, **more)
        if not begun.is_success:
            return refusal(begun)
        upload = begun.json()["id"]
        sent = self.piece(upload, 0, content)
        done = sent if not sent.is_success else self.http.post(f"/uploads/{upload}/complete")
        if not done.is_success:
            self.http.delete(f"/uploads/{upload}")
            return refusal(done)
        return self.laid_out(done.json())

    def laid_out(self, version: Any) -> Answer:
        end = time.monotonic() + _WAIT_SECONDS
        path = f"/datasets/{self.name}/versions/{version['id']}"
        while version["state"] == "ingesting" and time.monotonic() < end:
            time.sleep(0.1)
            version = self.http.get(path).raise_for_status().json()
        return Answer(version["state"], version["error"] or "")

    def rows(self) -> dict[str, int]:
        """How many versions and uploads there are, by state."""
        versions = self.http.get(f"/datasets/{self.name}/versions?limit=200").json()["items"]
        opened = self.http.get(f"/datasets/{self.name}/uploads").json()
        counts: dict[str, int] = {}
        for state in [v["state"] for v in versions] + ["open upload" for _ in opened]:
            counts[state] = counts.get(state, 0) + 1
        return counts

    def bytes_stored(self) -> int:
        root = self.site.data / "storage"
        found = {}
        for path in root.rglob("*"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if path.is_file():
                found[status.st_ino] = status.st_size  # a grant is one more name of a file
        return sum(found.values())

    def try_case(self, case: Case) -> Outcome:
        before_bytes, before_rows = self.bytes_stored(), self.rows()
        answer = case.send(self)
        end = time.monotonic() + 15.0  # what is discarded goes right after the commit
        while (left := self.bytes_stored() - before_bytes) > 0 and time.monotonic() < end:
            time.sleep(0.2)
        new = {s: n - before_rows.get(s, 0) for s, n in self.rows().items()}
        rows = ", ".join(f"{n} {state}" for state, n in new.items() if n) or "none"
        meant = all(word in f"{answer.code} {answer.text}" for word in case.says)
        return Outcome(case.name, answer, meant, left, rows, self.current() == self.version)


def refusal(reply: httpx.Response) -> Answer:
    problem = reply.json()
    return Answer(f"{reply.status_code} {problem['code']}", problem["detail"])


def gzip_bomb() -> bytes:
    member = gzip.compress(b"1,40,5\n" * 150_000, 9)
    return gzip.compress(HEAD) + member * (3 * EXPANDED // MB)


def parquet_bomb() -> bytes:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "bomb"
        connection.execute(
            "COPY (SELECT 1 AS person, 40 AS age, 5 AS spend FROM range(20000000)) "
            f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        )
        return path.read_bytes()


def contradicted(uploads: Uploads) -> Answer:
    table = {
        "unit_column": "person",
        "columns": [{"type": "integer", "name": "age", "lower": 9, "upper": 1}],
        "size": {"rows": 1, "units": 1},
    }
    body = {"name": "never", "population": uploads.name, "table": table}
    return refusal(uploads.http.post("/datasets", json=body))


def damaged_piece(uploads: Uploads) -> Answer:
    upload = uploads.begin(len(GOOD), "csv").json()["id"]
    digest = hashlib.sha256(GOOD).hexdigest()
    refused = uploads.piece(upload, 0, GOOD[:-1] + b"x", **{"Upload-Checksum": digest})
    offset = uploads.http.get(f"/uploads/{upload}").json()["offset"]
    uploads.http.delete(f"/uploads/{upload}")
    answer = refusal(refused)
    return Answer(answer.code, f"{answer.text} (offset {offset})")


def beyond_the_announced(uploads: Uploads) -> Answer:
    upload = uploads.begin(10, "csv").json()["id"]
    refused = uploads.piece(upload, 0, GOOD)
    uploads.http.delete(f"/uploads/{upload}")
    return refusal(refused)


LATIN = HEAD + "1,40,5\n2,Zoë,5\n".encode("latin-1")
CASES = (
    Case("ragged CSV", lambda u: u.bring(HEAD + b"1,40,5\n2,50\n"), ("failed", "line 3")),
    Case("wrong encoding", lambda u: u.bring(LATIN), ("failed", "line 3", "UTF-8")),
    Case("domain contradicts itself", contradicted, ("422", "lower 9 is above upper 1")),
    Case(
        "domain the values contradict",
        lambda u: u.bring(HEAD + b"1,40,much\n2,50,little\n"),
        ("failed", "line 2", "column 'spend'", "nor is any other value"),
    ),
    Case(
        "duplicate names",
        lambda u: u.bring(b"person,age,Age,spend\n1,2,3,4\n"),
        ("failed", "line 1", "column 'Age'", "twice"),
    ),
    Case("missing column", lambda u: u.bring(b"person,age\n1,2\n"), ("failed", "column 'spend'")),
    Case("gzip bomb", lambda u: u.bring(gzip_bomb(), "csv.gz"), ("failed", "decompressed")),
    Case("Parquet bomb", lambda u: u.bring(parquet_bomb(), "parquet"), ("failed", "rows")),
    Case("empty file", lambda u: u.bring(b""), ("422", "The file is empty")),
    Case("blank file", lambda u: u.bring(b"\n\n"), ("failed", "empty")),
    Case(
        "truncated gzip",
        lambda u: u.bring(gzip.compress(GOOD)[:-9], "csv.gz"),
        ("failed", "cut short"),
    ),
    Case("no Parquet at all", lambda u: u.bring(GOOD, "parquet"), ("failed", "Parquet")),
    Case("wrong checksum of a piece", damaged_piece, ("422", "checksum_mismatch", "offset 0")),
    Case(
        "wrong checksum of the file",
        lambda u: u.bring(GOOD, sha256="0" * 64),
        ("422", "checksum_mismatch"),
    ),
    Case("more bytes than announced", beyond_the_announced, ("413", "payload_too_large")),
    Case(
        "more bytes than the site takes",
        lambda u: refusal(u.begin(10**12, "csv")),
        ("413", "payload_too_large"),
    ),
)


def rows_of(size: int) -> bytes:
    """A CSV of about so many bytes."""
    lines = b"".join(b"%07d,40,500\n" % i for i in range(50_000))
    return HEAD + lines * max(1, size // len(lines))


FULL = (
    Case(
        "disk full while it arrives",
        lambda u: u.bring(rows_of(FILE_LIMIT + 8 * MB)),
        ("507", "storage_full"),
    ),
    Case(
        "disk full while it is laid out",
        lambda u: u.bring(gzip.compress(wide(FILE_LIMIT), 1), "csv.gz"),
        ("failed", "disk is full"),
    ),
)


def wide(size: int) -> bytes:
    """Little text for a table larger than `size`: eight bytes a unit beside its row's codes."""
    return HEAD + b"".join(b"%x,1,1\n" % i for i in range(size // 9))


# The large one


def large(size: int) -> Iterator[bytes]:
    """`size` bytes of a CSV, in chunks of a megabyte at most, the same each time."""
    chunk = rows_of(1 * MB)[len(HEAD) :]
    left = size
    while left > 0:
        yield chunk[:left]
        left -= len(chunk)


def api_pids(above: int) -> list[int]:
    """The API's processes below `carrel up`."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{entry}/stat").read_text()
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, level = [], {above}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level}
        found += sorted(level)
    return [pid for pid in found if b"\0serve\0" in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def resident(pids: list[int]) -> int:
    """Bytes of resident memory of all of them together."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in pids)


@contextmanager
def peak_memory(pids: list[int]) -> Iterator[list[int]]:
    """The peak over what it was before, and the peak itself, while the block runs."""
    before = resident(pids)
    peak = [0, before]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[1] = max(peak[1], resident(pids))
            peak[0] = peak[1] - before

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def large_in_pieces(uploads: Uploads, size: int) -> tuple[int, int, float]:
    """The memory that it took and that there was, in bytes, and the seconds, until the worker
    has it."""
    began = time.monotonic()
    with peak_memory(api_pids(uploads.site.pid)) as peak:
        upload = uploads.begin(size, "csv").raise_for_status().json()["id"]
        offset = 0
        while offset < size:
            reply = uploads.piece(upload, offset, large(min(PIECE, size - offset)))
            offset = reply.raise_for_status().json()["offset"]
        done = uploads.http.post(f"/uploads/{upload}/complete").raise_for_status().json()
    seconds = time.monotonic() - began
    uploads.http.post(f"/versions/{done['id']}/cancel")
    return peak[0], peak[1], seconds


def large_at_once(uploads: Uploads, size: int) -> int:
    with peak_memory(api_pids(uploads.site.pid)) as peak:
        reply = uploads.http.post(
            f"/datasets/{uploads.name}/versions?format=csv", content=large(size)
        )
        version = reply.raise_for_status().json()
    uploads.http.post(f"/versions/{version['id']}/cancel")
    return peak[0]


def restarted_midway(uploads: Uploads) -> tuple[Answer, int]:
    """Kill the API in the middle of a piece, wait until it is back, and go on.

    Returns how it ended, and how many bytes had to be sent twice.
    """
    content = HEAD + b"".join(b"%d,%d,%d\n" % (i, i % 90, i % 9000) for i in range(300_000))
    digest = hashlib.sha256(content).hexdigest()
    upload = uploads.begin(len(content), "csv", sha256=digest).raise_for_status().json()["id"]
    first = len(content) // 3
    uploads.piece(upload, 0, content[:first]).raise_for_status()

    def breaking() -> Iterator[bytes]:
        yield content[first : 2 * first]
        for pid in api_pids(uploads.site.pid):
            os.kill(pid, signal.SIGKILL)
        yield content[2 * first :]

    with suppress(httpx.TransportError):
        uploads.piece(upload, first, breaking())
    offset = -1
    end = time.monotonic() + 60.0
    while offset < 0 and time.monotonic() < end:
        try:
            offset = uploads.http.get(f"/uploads/{upload}").raise_for_status().json()["offset"]
        except (httpx.TransportError, httpx.HTTPStatusError):
            time.sleep(0.1)
    uploads.piece(upload, offset, content[offset:]).raise_for_status()
    done = uploads.http.post(f"/uploads/{upload}/complete").raise_for_status().json()
    answer = uploads.laid_out(done)
    return answer, 2 * first - offset


def show(outcomes: list[Outcome]) -> None:
    print(f"{'input':32} {'answered':26} {'left on disk':>12}  {'in the database':18} said")
    for o in outcomes:
        said = " ".join(o.answer.text.split())[:110]
        mark = "" if o.meant and o.answering and not o.files else "  ← not as meant"
        print(f"{o.name:32} {o.answer.code:26} {o.files:>10} B  {o.rows:18} {said}{mark}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of the large upload")
    options = parser.parse_args()
    size = int(options.gigabytes * 10**9)
    settings = {"CARREL_UPLOAD_EXPANDED_MAX_BYTES": str(EXPANDED)}
    with bench_site(settings) as site:
        uploads = Uploads(site, "tiny")
        outcomes = [uploads.try_case(case) for case in CASES]
        growth, most, seconds = large_in_pieces(uploads, size)
        at_once = large_at_once(uploads, size)
        restarted, twice = restarted_midway(uploads)
    with bench_site(file_limit=FILE_LIMIT) as site:
        uploads = Uploads(site, "tiny")
        outcomes += [uploads.try_case(case) for case in FULL]
    show(outcomes)
    print(f"{'API killed midway':32} {restarted.code:26} {twice} bytes were sent twice")
    return report(
        "uploads",
        [
            Figure("bad inputs", len(outcomes)),
            Figure("not refused as meant", sum(not o.meant for o in outcomes), at_most=0),
            Figure("that left bytes", sum(o.files > 0 for o in outcomes), at_most=0),
            Figure("that ended the old version", sum(not o.answering for o in outcomes), at_most=0),
            Figure("killed midway: ready", float(restarted.code == "ready"), at_least=1),
            Figure("large upload", size / 10**9, "GB"),
            Figure("in pieces: memory growth", growth / MB, "MB", at_most=200),
            Figure("in one request: memory growth", at_once / MB, "MB", at_most=200),
            Figure("in pieces: resident, all API processes", most / MB, "MB"),
            Figure("in pieces: rate", size / MB / seconds, "MB/s"),
        ],
        check=options.check,
    )


if __name__ == "__main__":
    sys.exit(main())
