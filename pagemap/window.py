"""A window, which is a run of entries that a cache holds, and what one served."""

from __future__ import annotations

import mmap
from typing import Final, NamedTuple

from pagemap.entry import ENTRY_BYTES
from pagemap.vma import PAGE_SIZE

_LARGE: Final = 1 << 20


def blank(pages: int) -> memoryview:
    """Writable entries, all 0; many take memory only where they are written."""
    size = pages * ENTRY_BYTES
    if size < _LARGE:
        return memoryview(bytearray(size)).cast("Q")
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)).cast("Q")


class Window:
    """A run of entries that the cache holds. Its boundaries are the bytes read, exactly.

    Attributes:
        number: The fill that made it, from 1: names it on the screen.
        start: First address it covers.
        end: First address after it.
        entries: Its entries, one 64-bit word a page.
        filled_at: When it was read, in seconds of the cache's clock.
        used: One byte a page: looked up or not.
        why: The policy's sentence.
        missed_at: The address whose miss led to it.
        reason: Why that missed.
        counted: Whether it was filled since the counters were last reset.
    """

    __slots__ = (*("counted", "end", "entries", "filled_at", "missed_at", "number", "reason", "start", "used", "why"),)

    def __init__(self, number: int, start: int, entries: memoryview, filled_at: float, why: str) -> None:
        self.number = number
        self.start = start
        self.end = start + len(entries) * PAGE_SIZE
        self.entries = entries
        self.filled_at = filled_at
        self.used = bytearray(len(entries))
        self.why = why
        self.missed_at = start
        self.reason = ""
        self.counted = True

    def entry(self, address: int) -> int:
        """The entry of the page at `address`, which must lie in the window."""
        return int(self.entries[(address - self.start) // PAGE_SIZE])

    def use(self, start: int, end: int) -> int:
        """Mark the pages of `[start, end)` as looked up; how many of them were not before."""
        first, last = (start - self.start) // PAGE_SIZE, (end - self.start) // PAGE_SIZE
        fresh = self.used.count(0, first, last)
        if fresh:
            self.used[first:last] = b"\1" * (last - first)
        return fresh


class Served(NamedTuple):
    """Consecutive pages that one window served.

    Attributes:
        start: First address.
        end: First address after them.
        window: The window.
        missed: Why the first of these pages missed and so filled the window; empty if all were hits.
    """

    start: int
    end: int
    window: Window
    missed: str

    @property
    def entries(self) -> memoryview:
        """Their entries, one 64-bit word a page."""
        first = (self.start - self.window.start) // PAGE_SIZE
        return self.window.entries[first : first + (self.end - self.start) // PAGE_SIZE]
