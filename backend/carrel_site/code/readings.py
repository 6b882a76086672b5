"""Readings of programs for reviewers: few at once, each once, and the findings kept.

A reading is some seconds of a processor, spent on a stranger's text: whoever may look at a request
may cause one. So they take turns, one of each person at a time before anybody's second; whoever
waits for long is told to come back. Nobody's waiting takes a thread of those that answer requests.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from weakref import WeakValueDictionary

from carrel_protocol.api.code import CodeFinding
from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.code import FunctionEntry
from carrel_site.code.analysis import GAVE_UP, analyse
from carrel_site.code.earlier import Program
from carrel_site.core.errors import Unavailable

Findings = tuple[CodeFinding, ...]

AT_ONCE = 1
"""In one process of the API; there is one for each of two processors."""
MOST_WAITING = 40
"""Readings that are under way or wait for their turn."""
TURN_SECONDS = 15.0
"""How long to wait for a turn. A reading that has begun is always waited for."""
KEPT = 200
"""Programs whose findings are remembered."""


class ReadingsBusy(Unavailable):
    title = "Busy reading programs"
    advice = "Try again in some seconds; what was being read for you may be ready then."
    headers = MappingProxyType({"Retry-After": "10"})


@dataclass(frozen=True)
class Readable:
    """A program, and the modules that it may import beside the standard library's."""

    content: Program
    imports: frozenset[str]
    content_hash: str

    @property
    def entry(self) -> str | None:
        entry = self.content.entry
        return entry.name if isinstance(entry, FunctionEntry) else None

    @property
    def data_names(self) -> frozenset[str]:
        content = self.content
        data = (content.data,) if isinstance(content, BlackBoxContent) else content.data
        return frozenset(one.alias for one in data)

    @property
    def key(self) -> str:
        """The same for all that is read alike: of the content no more than that counts."""
        return tagged_hash(
            "reading/1",
            {
                "files": [file.model_dump(mode="json") for file in self.content.files],
                "imports": sorted(self.imports),
                "data_names": sorted(self.data_names),
                "entry": self.entry,
            },
        )

    def read(self) -> Findings:
        """What reading it finds; takes a moment."""
        return analyse(self.content.files, self.imports, self.data_names, entry=self.entry)


class Readings:
    """One process's readings. To be used from its event loop alone."""

    def __init__(self, *, at_once: int = AT_ONCE, turn_seconds: float = TURN_SECONDS) -> None:
        self._threads = ThreadPoolExecutor(at_once, "reading")
        self._turns = asyncio.Semaphore(at_once)
        self._turn_seconds = turn_seconds
        self._found: OrderedDict[str, Findings] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Findings]] = {}
        # A person's lock is there for as long as one of their readings holds or awaits it.
        self._own_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def findings(self, program: Readable, who: str) -> Findings:
        """What reading the program finds, for a person. Raises `ReadingsBusy`.

        A program that is being read is not read again beside it. A reading that had to give up,
        as one may on a busy machine, is told of and not remembered.
        """
        return await self.once(program.key, program.read, who)

    async def once(self, key: str, read: Callable[[], Findings], who: str) -> Findings:
        if key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        task = self._under_way.get(key)
        if task is None:
            if len(self._under_way) >= MOST_WAITING:
                raise ReadingsBusy("Many programs wait to be read.")
            task = asyncio.create_task(self._read(key, read, who))
            self._under_way[key] = task
            task.add_done_callback(lambda ended: self._over(key, ended))
        # Whoever goes away does not take the reading from those who wait for it too.
        return await asyncio.shield(task)

    def close(self) -> None:
        """Begin no further one."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read(self, key: str, read: Callable[[], Findings], who: str) -> Findings:
        own = self._own_turns.setdefault(who, asyncio.Lock())
        try:
            # This person's turn, and then everybody's, in the order in which they came.
            async with asyncio.timeout(self._turn_seconds) as waiting, own, self._turns:
                waiting.reschedule(None)
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(self._threads, read)
        except TimeoutError:
            if waiting.expired():
                raise ReadingsBusy("Other programs are being read.") from None
            raise
        if not any(finding.rule == GAVE_UP for finding in found):
            self._found[key] = found
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return found

    def _over(self, key: str, task: "asyncio.Task[Findings]") -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # seen, though everybody who waited may have gone
