"""The cache's own work: a dump beside the bare preads it makes, and lookups with the event log beside those without."""

from __future__ import annotations

import os
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from benchmarks.table import Table
from benchmarks.targets import layout
from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.entry import ENTRY_BYTES
from pagemap.events import Event, EventLog
from pagemap.live import LiveProcess
from pagemap.vma import PAGE_SIZE, AddressSpace
from pagemap.walks import walk

if TYPE_CHECKING:
    from collections.abc import Callable

_DUMP_LIMIT: Final = 1.5
_EVENTS_LIMIT: Final = 1.1


class SilentLog(EventLog):
    """An event log that notes nothing: what lookups cost without it."""

    _EVENT: Final = Event(0, 0.0, "hit", 0, 0)

    def add(self, time: float, kind: str, start: int, end: int, reason: str = "", **facts: Any) -> Event:
        """Do nothing."""
        return self._EVENT

    def hit(self, clock: Callable[[], float], start: int, end: int, count: int, window: int) -> None:
        """Do nothing."""


def tables(*, quick: bool) -> list[Table]:
    """Both ratios."""
    table = Table(
        "The cache's own work",
        "Medians of pairs run in turn (A B A B …).",
        ["what", "ratio", "must be at most", "kept"],
    )
    dump = dump_ratio(scale=10 if quick else 1, pairs=5 if quick else 15)
    events = events_ratio(lookups=100_000 if quick else 1_000_000, pairs=3 if quick else 5)
    for what, ratio, limit in (
        ("dump of 60,000 one-page VMAs through blocks / the bare preads it makes", dump, _DUMP_LIMIT),
        ("a million lookups with the event log / without", events, _EVENTS_LIMIT),
    ):
        table.rows.append([what, f"{ratio:.2f}", f"{limit}", "yes" if ratio <= limit else "**no**"])
    return [table]


def dump_ratio(*, scale: int, pairs: int) -> float:
    """How many times as long a dump takes as its bare preads."""
    with layout("S2", scale=scale) as target:
        source = LiveProcess(target.pid)
        space = source.maps()
        reads = _reads(source, space)
        fd = source.reader.fd
        ratios = []
        for _ in range(pairs):
            began = perf_counter()
            cache = PagemapCache(source, space)
            for _ in walk(cache, "dump"):
                pass
            middle = perf_counter()
            for size, offset in reads:
                os.pread(fd, size, offset)
            ratios.append((middle - began) / (perf_counter() - middle))
        source.close()
    return median(ratios)


def _reads(source: LiveProcess, space: AddressSpace) -> list[tuple[int, int]]:
    """Size and offset of each pread of a dump."""
    cache = PagemapCache(CountingReader(source.address_limit), space)
    for _ in walk(cache, "dump"):
        pass
    fills = (event for event in cache.events if event.kind == "fill")
    return [((e.end - e.start) // PAGE_SIZE * ENTRY_BYTES, e.start // PAGE_SIZE * ENTRY_BYTES) for e in fills]


def events_ratio(*, lookups: int, pairs: int) -> float:
    """How many times as long lookups take with the event log, one at a time and with hits in many windows."""
    space = AddressSpace.from_ranges([(0x10000000, 0x10000000 + 32 * 512 * PAGE_SIZE)])
    ratios = []
    for _ in range(pairs):
        took = []
        for silent in (False, True):
            cache = PagemapCache(CountingReader(0x7FFFFFFFF000), space)
            if silent:
                cache.events = SilentLog()
            pages = [0x10000000 + (i * 37 % (32 * 512)) * PAGE_SIZE for i in range(10_000)]
            began = perf_counter()
            for _ in range(lookups // len(pages)):
                for page in pages:
                    cache.lookup(page)
            took.append(perf_counter() - began)
        ratios.append(took[0] / took[1])
    return median(ratios)
