"""`seed --literal`: the 2014 CRIU patch, step by step over an address space, as events and without its consequences.

Nothing is read. What the published code would have done is told instead; where it would crash, loop for ever or fail,
an event of kind `defect` says so and the lookup ends there, with the window zapped. `policies.SeedPolicy` is the
repaired one; docs/policies.md lists the defects. Implemented from the patch's behaviour, in its order of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pagemap import walks
from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.entry import ENTRY_BYTES
from pagemap.errors import NotMappedError, NotWalkableError, UsageError
from pagemap.literal_event import DEFECTS, KINDS, LiteralEvent
from pagemap.policy import BLOCK, kib
from pagemap.reader import MAX_READ
from pagemap.vma import PAGE_SIZE
from pagemap.window import Served, Window

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pagemap.vma import AddressSpace

__all__ = ["DEFECTS", "KINDS", "LiteralEvent", "LiteralSeed", "literal_events"]

_WORD: Final = (1 << 64) - 1
"""Addresses are unsigned long: a window's end can wrap around."""


@dataclass(slots=True)
class _Walk:
    """What one walk over the VMAs came to."""

    taken: int = 0
    covered: int = 0
    gap: int = 0
    next: int = 0
    """Index of the VMA after the last one taken."""
    trimmed: bool = False
    lost: bool = False
    """It went through the list head."""

    def take(self, size: int, gap: int) -> None:
        """Count a VMA and the gap before it."""
        self.taken += 1
        self.covered += size
        self.gap += gap
        self.next += 1


class LiteralSeed:
    """The published cache: one window, one buffer, and the eight defects.

    Args:
        space: The VMAs.
        limit: First address that pagemap does not cover.
        buffer_pages: Entries of the buffer; None for the patch's own, the longest VMA's pages, at least 2 MiB's.
            Less than a VMA has shows the assertion and the recursion.

    Attributes:
        start: The window's first address.
        end: The first address after it; both are 0 while there is no window.
        failed: Whether the last lookup ended without an entry.

    Raises:
        UsageError: The buffer has no page.
    """

    def __init__(self, space: AddressSpace, limit: int, buffer_pages: int | None = None) -> None:
        if buffer_pages is not None and buffer_pages < 1:
            raise UsageError(f"bad buffer: {buffer_pages} pages", "it must have one at least")
        self.space: Final = space
        self.limit: Final = limit
        self.pages: Final = buffer_pages or max(space.longest, BLOCK) // PAGE_SIZE
        self.start = 0
        self.end = 0
        self.failed = False
        self._straddler: int | None = None
        self._overrun_told = False

    def init(self) -> LiteralEvent:
        """The event of the cache being made."""
        size = self.pages * PAGE_SIZE
        text = f"a buffer of {self.pages:,} entries covers {kib(size)}"
        return LiteralEvent("init", text, pages=self.pages, size=size)

    def holds(self, address: int) -> bool:
        """The patch's hit test: it looks at the address alone."""
        return self.start <= address < self.end

    def hits(self, start: int, stop: int) -> Iterator[LiteralEvent]:
        """Look up the mapped pages of `[start, stop)`, which the window holds, in order.

        Yields:
            One event for all, and the straddle defect the first time that it strikes in this window.
        """
        self.failed = False
        count = self.space.mapped_pages(start, stop)
        what = "the window has the address" if count == 1 else f"{count:,} lookups in a row hit"
        yield self._event("hit", what, address=start, count=count)
        if self._straddler is None or self._overrun_told:
            return
        low, high = self.space.starts[self._straddler], self.space.ends[self._straddler]
        if stop > low:
            self._overrun_told = True
            held, beyond = (self.end - low) // PAGE_SIZE, (high - self.end) // PAGE_SIZE
            text = (
                f"hit in the VMA at {low:#x}, of which the window has {_many(held, 'page')}: a caller that goes on "
                f"through the VMA takes {_many(beyond, 'page')} from beyond what was read"
            )
            yield self._defect(2, text, address=max(start, low))

    def lookup(self, address: int) -> Iterator[LiteralEvent]:
        """Look up one page, as the patch does.

        Args:
            address: An address in a VMA.

        Yields:
            What happens, in order. After a defect that would crash, loop or fail, nothing more: `failed` is then set
            and the window zapped.

        Raises:
            NotMappedError: The address is in no VMA.
        """
        page = address // PAGE_SIZE * PAGE_SIZE
        index = self.space.find(page)
        if index is None:
            raise NotMappedError(f"address {address:#x} is in no VMA")
        self.failed = False
        yield self._event("lookup", f"cache lookup of {page:#x}", address=page)
        if self.holds(page):
            yield from self.hits(page, page + PAGE_SIZE)
            return
        if self.end and index + 1 == self.space.find(self.start):
            text = (
                f"the miss at {page:#x} lies just below the window at {self.start:#x}: a window never reaches "
                "downwards, so scrolling up misses on every VMA"
            )
            yield self._defect(8, text, address=page)
        self._straddler, self._overrun_told = None, False
        self.start = self.space.starts[index]
        self.end = (self.start + self.pages * PAGE_SIZE) & _WORD
        yield self._event("try", "miss: the new window begins at the VMA's start, as long as the buffer", address=page)
        walked = yield from self._walk(index)
        if walked.lost:
            return
        vmas = _many(walked.taken, "VMA")
        yield self._event(
            "summary",
            f"{vmas} taken: {kib(walked.covered)} covered, {kib(walked.gap)} of gaps",
            nr_vmas=walked.taken,
            covered=walked.covered,
            gap=walked.gap,
        )
        if not walked.taken:
            yield from self._assertion(page, index)
            return
        if not walked.trimmed:
            yield from self._untrimmed(walked)
        yield from self._fill(page)

    def _walk(self, first: int) -> Generator[LiteralEvent, None, _Walk]:
        """Count the VMAs from `first` on, as far as they fit and the gaps allow."""
        space, walked = self.space, _Walk(next=first)
        odd = False
        for index in range(first, len(space)):
            low, high = space.starts[index], space.ends[index]
            yield self._event("step", f"looks at {low:#x}-{high:#x}", vma=(low, high))
            if low > self.end or low < self.start or high > self.end:
                if first and walked.taken and index == len(space) - 1 and space.vma(index).kind == "vsyscall":
                    text = (
                        "[vsyscall], the last VMA, does not fit and stops the walk: without it the walk would have "
                        "gone on through the list head as if that were a VMA"
                    )
                    yield self._defect(1, text, hidden=True)
                return walked
            gap = low - space.ends[index - 1] if walked.taken else 0
            before = walked.covered
            if walked.gap + gap > before + high - low:
                yield self._trim(walked, index, walked.gap + gap)
                if walked.taken == 1 and high <= self.start + BLOCK:
                    text = (
                        f"a gap of {kib(gap)} leaves this VMA alone in its window, though the next one ends only "
                        f"{kib(high - self.start)} from its start: small VMAs get no caching"
                    )
                    yield self._defect(7, text)
                return walked
            walked.take(high - low, gap)
            if walked.gap > before and not odd and walked.taken > 1:
                odd = True
                text = (
                    f"the VMA of {kib(high - low)} pays for the gap before itself: {kib(walked.gap)} of gaps are more "
                    f"than the {kib(before)} covered so far, and the window goes on all the same"
                )
                yield self._defect(7, text, vma=(low, high))
        if first:
            yield from self._head(walked)
        return walked

    def _trim(self, walked: _Walk, index: int, gap: int) -> LiteralEvent:
        """The gap is too big: the end moves back to that of the VMA before."""
        cover = walked.covered + self.space.ends[index] - self.space.starts[index]
        self.end = self.space.ends[index - 1]
        walked.trimmed = True
        text = f"gap too big: {kib(gap)} of gaps to {kib(cover)} covered; the end moves back to {self.end:#x}"
        return self._event("gap", text, gap=gap)

    def _head(self, walked: _Walk) -> Iterator[LiteralEvent]:
        walked.lost = True
        text = (
            "the walk took the node before its first VMA for the list's head, and at the list's end goes on through "
            "the real head as if it were a VMA: it would follow a pointer that is none"
        )
        yield from self._end(1, text)

    def _assertion(self, page: int, index: int) -> Iterator[LiteralEvent]:
        outside, start, end = not self.holds(page), self.start, self.end
        longer = f"the VMA has {(self.space.ends[index] - start) // PAGE_SIZE:,} pages, the buffer {self.pages:,}"
        if end < start:
            longer = "the window's end wraps around at 2^64"
        text = f"{longer}: no VMA was taken, and the assertion that one was kills the program"
        yield from self._end(6, text, address=page)
        if outside:
            text = (
                f"{page:#x} is outside the new window {start:#x}-{end:#x}: without the assertion the retry "
                "after the read would miss again and recurse for ever"
            )
            yield self._defect(5, text, address=page)

    def _untrimmed(self, walked: _Walk) -> Iterator[LiteralEvent]:
        last = self.space.ends[walked.next - 1]
        # Of a VMA that straddles the end some pages are read, and later served: those are not for nothing.
        entries = (self.end - last) // PAGE_SIZE - self.space.mapped_pages(last, self.end)
        if not entries:
            return
        why = "the list ends" if walked.next == len(self.space) else "the next VMA does not fit"
        text = (
            f"{why}, and the end stays where the buffer ends: {entries:,} of {(self.end - self.start) // PAGE_SIZE:,} "
            "entries lie after the last VMA taken, in no VMA, and are read for nothing"
        )
        yield self._defect(3, text, count=entries)

    def _fill(self, page: int) -> Iterator[LiteralEvent]:
        wanted = (self.end - self.start) // PAGE_SIZE * ENTRY_BYTES
        yield self._event("fill", f"one pread of {wanted:,} bytes of entries", size=wanted)
        below = max(0, min(self.end, self.limit) - self.start) // PAGE_SIZE * ENTRY_BYTES
        if below < wanted:
            text = (
                f"the window ends at {self.end:#x}, beyond the address limit {self.limit:#x}: the read gives "
                f"{below:,} of {wanted:,} bytes, which counts as a failure, and the window is zapped"
            )
            yield from self._end(4, text, address=page)
            return
        if wanted > MAX_READ:
            text = (
                f"the kernel cuts a read of {wanted:,} bytes at {MAX_READ:,}, which counts as a failure, "
                "and the window is zapped"
            )
            yield from self._end(4, text, address=page)
            return
        after = self.space.find(self.end)
        if after is not None and self.space.starts[after] < self.end:
            self._straddler = after
            low, high = self.space.starts[after], self.space.ends[after]
            lacking = _many((high - self.end) // PAGE_SIZE, "page")
            text = (
                f"the VMA {low:#x}-{high:#x} straddles the window's end: a later lookup of its start hits, since "
                f"the test looks at the address alone, but the buffer lacks {lacking} at its end"
            )
            yield self._defect(2, text, vma=(low, high))
        yield self._event("lookup", f"looks {page:#x} up again", address=page)
        yield from self.hits(page, page + PAGE_SIZE)

    def _end(self, number: int, text: str, address: int | None = None) -> Iterator[LiteralEvent]:
        """A defect at which the lookup ends: the window that it was made with, then nothing held."""
        event = self._defect(number, text, address=address)
        self.start = self.end = 0
        self.failed = True
        yield event

    def _defect(self, number: int, text: str, **facts: Any) -> LiteralEvent:
        return self._event("defect", text, number=number, **facts)

    def _event(self, kind: str, text: str, **facts: Any) -> LiteralEvent:
        return LiteralEvent(kind, text, start=self.start, end=self.end, **facts)


def literal_events(
    space: AddressSpace,
    limit: int,
    walk: str = "dump",
    rows: int = walks.ROWS,
    steps: int | None = None,
    *,
    buffer_pages: int | None = None,
) -> Iterator[LiteralEvent]:
    """What the published patch would do with the lookups of a walk; lazily, and nothing is read.

    Where a lookup fails, the patch's caller gives up. Here it goes on: with the next VMA in a dump, with the next run
    of pages else.

    Args:
        space: The VMAs.
        limit: First address that pagemap does not cover; pages above are not looked up.
        walk: One of `walks.WALKS`.
        rows: Rows of the viewport.
        steps: How many scroll steps; None takes the walk's own number.
        buffer_pages: See `LiteralSeed`.

    Yields:
        `init`, then the events of each lookup; hits in a row are one event.

    Raises:
        UsageError: There is no such walk, or the buffer has no page.
    """
    if walk not in walks.WALKS:
        raise UsageError(f"no such walk: {walk}", "", f"the walks are {', '.join(walks.WALKS)}")
    seed = LiteralSeed(space, limit, buffer_pages)
    yield seed.init()
    if walk == "dump":
        yield from _dump(seed)
        return
    for start, end in _scrolled(space, limit, walk, rows, steps):
        yield from _look_up(seed, start, end)


def _dump(seed: LiteralSeed) -> Iterator[LiteralEvent]:
    """Every page once, in order; a run of hits goes on over VMA borders."""
    space, address = seed.space, 0
    while (index := space.first_ending_after(address)) < len(space):
        address = max(address, space.starts[index])
        if address >= seed.limit:
            return
        if seed.holds(address):
            yield from seed.hits(address, seed.end)
            address = seed.end
            continue
        yield from seed.lookup(address)
        address = space.ends[index] if seed.failed else address + PAGE_SIZE


def _look_up(seed: LiteralSeed, start: int, end: int) -> Iterator[LiteralEvent]:
    """Adjacent pages of one VMA."""
    while start < end:
        if seed.holds(start):
            stop = min(end, seed.end)
            yield from seed.hits(start, stop)
            start = stop
            continue
        yield from seed.lookup(start)
        if seed.failed:
            return
        start += PAGE_SIZE


def _scrolled(space: AddressSpace, limit: int, name: str, rows: int, steps: int | None) -> Iterator[tuple[int, int]]:
    """The ranges that a walk looks up, in order, each in one VMA."""
    listener = _Listener(space, limit)
    for _ in walks.walk(listener, name, rows=rows, steps=steps):
        yield from listener.asked
        listener.asked.clear()


class _Listener(PagemapCache):
    """Stands in for a cache in a walk, to hear which pages it looks up. The entries it gives are nobody's."""

    def __init__(self, space: AddressSpace, limit: int) -> None:
        super().__init__(CountingReader(limit), space, "page")
        self.asked: Final[list[tuple[int, int]]] = []

    def lookup_range(self, start: int, end: int) -> Iterator[Served]:
        end = min(end, self.address_limit)
        if start >= end:
            raise NotWalkableError(f"address {start:#x} is above what pagemap covers")
        self.asked.append((start, end))
        window = Window(0, start, self._reader.read(start, end).entries, 0.0, "")
        yield Served(start, end, window, "")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
