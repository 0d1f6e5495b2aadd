"""The cache's own work: a dump beside the bare preads it makes, and lookups with the event log beside those without."""

from __future__ import annotations

import os
from itertools import cycle, islice
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.table import Table
from benchmarks.targets import DUMP_VMAS, layout
from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.entry import ENTRY_BYTES
from pagemap.events import Event, EventLog
from pagemap.live import LiveProcess
from pagemap.policies import BLOCK
from pagemap.vma import PAGE_SIZE, AddressSpace
from pagemap.walks import walk

if TYPE_CHECKING:
    from collections.abc import Callable

_DUMP_LIMIT: Final = 1.5
_EVENTS_LIMIT: Final = 1.1
_WINDOWS: Final = 32
_START: Final = 1 << 32


class SilentLog(EventLog):
    """An event log that notes nothing: what lookups cost without it."""

    _EVENT: Final = Event(0, 0.0, "hit", 0, 0)

    def add(self, time: float, kind: str, start: int, end: int, reason: str = "", **facts: Any) -> Event:
        """Do nothing."""
        return self._EVENT

    def hit(self, clock: Callable[[], float], start: int, end: int, count: int, window: int) -> None:
        """Do nothing."""


def tables(*, quick: bool) -> list[Table]:
    """The ratios, each with the limit that it has to keep."""
    lookups, pairs = (50_000, 5) if quick else (100_000, 7)
    dumps = (f"dump of {DUMP_VMAS:,} one-page VMAs through blocks ÷ its bare preads", dump_ratio(pairs=2 * pairs + 1))
    near = ("lookups with ÷ without the event log: pages in order", events_ratio(1, lookups, pairs))
    jumps = ("lookups with ÷ without the event log: 37 pages on each time", events_ratio(37, lookups, pairs))
    worst = ("lookups with ÷ without the event log: another window each time", events_ratio(512, lookups, pairs))
    limits = {dumps: _DUMP_LIMIT, near: _EVENTS_LIMIT, jumps: _EVENTS_LIMIT, worst: None}
    table = Table(
        "The cache's own work",
        f"Medians of pairs in turn (A B A B …), processor time; {lookups:,} lookups one at a time, all hits.",
        ["ratio", "at most", "kept", "what"],
    )
    for (what, ratio), limit in limits.items():
        kept = "-" if limit is None else "yes" if ratio <= limit else "**no**"
        table.rows.append([f"{ratio:.2f}", f"{limit or '-'}", kept, what])
    return [table]


def dump_ratio(*, pairs: int) -> float:
    """How many times as long a dump takes as its bare preads; of the whole S2, for of a part the rest would weigh."""
    with layout("S2") as target:
        source = LiveProcess(target.pid)
        space = source.maps()
        reads = _reads(source, space)
        fd = source.reader.fd
        ratios = []
        for _ in range(pairs):
            began = process_time()
            cache = PagemapCache(source, space)
            for _ in walk(cache, "dump"):
                pass
            middle = process_time()
            for size, offset in reads:
                os.pread(fd, size, offset)
            ratios.append((middle - began) / (process_time() - middle))
        source.close()
    return median(ratios)


def _reads(source: LiveProcess, space: AddressSpace) -> list[tuple[int, int]]:
    """Size and offset of each pread of a dump."""
    cache = PagemapCache(CountingReader(source.address_limit), space)
    for _ in walk(cache, "dump"):
        pass
    fills = (event for event in cache.events if event.kind == "fill")
    return [((e.end - e.start) // PAGE_SIZE * ENTRY_BYTES, e.start // PAGE_SIZE * ENTRY_BYTES) for e in fills]


def events_ratio(step: int, lookups: int, pairs: int) -> float:
    """How many times as long lookups take with the event log.

    Args:
        step: Pages from one lookup to the next, over the windows of `blocks` held, round and round.
        lookups: How many.
        pairs: How often, with and without in turn.
    """
    pages = _WINDOWS * BLOCK // PAGE_SIZE
    space = AddressSpace.from_ranges([(_START, _START + pages * PAGE_SIZE)])
    addresses = [_START + i * step % pages * PAGE_SIZE for i in range(pages)]
    ratios = []
    for _ in range(pairs):
        took = []
        for silent in (False, True):
            cache = PagemapCache(CountingReader(_START << 8), space)
            if silent:
                cache.events = SilentLog()
            for _ in walk(cache, "dump"):
                pass
            began = process_time()
            for address in islice(cycle(addresses), lookups):
                cache.lookup(address)
            took.append(process_time() - began)
        ratios.append(took[0] / took[1])
    return median(ratios)
