"""`PagemapCache`: windows of entries, lookups, counters, events.

A lookup asks for one page's entry. It is a hit if a held window has it, else a miss; a miss fills exactly one window,
then the lookup is served. Ranges are lookups of their pages in order, counted as such but served in slices.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from pagemap.counters import Counters
from pagemap.entry import ENTRY_BYTES
from pagemap.errors import NotMappedError, NotWalkableError, PagelensError, ReadFailedError, TargetGoneError
from pagemap.events import EventLog
from pagemap.intervals import IntervalMap
from pagemap.policies import DEFAULT_POLICY, Policy, make_policy
from pagemap.vma import PAGE_SIZE
from pagemap.window import Served, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from pagemap.events import Event
    from pagemap.source import EntryReader, Source
    from pagemap.vma import AddressSpace

WHOLE_REFRESH: Final = 4_096
"""Entries up to which a refresh re-reads a whole window; of a larger one it re-reads the visible rows only."""


class PagemapCache:
    """A pagemap cache over one reader and one address space.

    Args:
        reader: Reads entries; the cache does not close it unless it was made by `open`.
        space: The VMAs.
        policy: Which window a miss reads.
        age_limit: Seconds after which a window no longer serves, or None.
        clock: Seconds, monotonic; tests inject one.

    Attributes:
        counters: What was counted so far.
        events: What happened lately.
        last_miss: The last miss, None before the first.
        last_fill: The fill it led to, None if that failed.
    """

    def __init__(
        self,
        reader: EntryReader,
        space: AddressSpace,
        policy: Policy | str = DEFAULT_POLICY,
        *,
        age_limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy: Final = make_policy(policy) if isinstance(policy, str) else policy
        self.space = space
        self.age_limit = age_limit
        self.clock: Final = clock
        self.counters = Counters()
        self.events: Final = EventLog()
        self.last_miss: Event | None = None
        self.last_fill: Event | None = None
        self._reader: Final = reader
        self._owned: Source | None = None
        self._starts: list[int] = []
        self._windows: list[Window] = []
        self._recent: OrderedDict[int, Window] = OrderedDict()
        self._overlaps = False
        self._past: IntervalMap[str] = IntervalMap()
        self._numbers = 0

    @classmethod
    def open(cls, pid: int, policy: Policy | str = DEFAULT_POLICY) -> PagemapCache:
        """A cache over a live process, to be used in a `with` statement.

        Raises:
            PagelensError: The process is not there or may not be read; the subclass says which.
        """
        from pagemap.live import LiveProcess

        source = LiveProcess(pid)
        try:
            cache = cls(source, source.maps(), policy)
        except BaseException:
            source.close()
            raise
        cache._owned = source
        return cache

    def __enter__(self) -> PagemapCache:
        """The cache itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what `open` opened."""
        self.close()

    def close(self) -> None:
        """Let go of the windows, and of the source if `open` made it."""
        self._starts.clear()
        self._windows.clear()
        self._recent.clear()
        self._past.clear()
        if self._owned is not None:
            self._owned.close()
            self._owned = None

    @property
    def windows(self) -> list[Window]:
        """The held windows by address."""
        return list(self._windows)

    def lookup(self, address: int) -> int:
        """The entry of the page that holds `address`.

        Raises:
            NotMappedError: No VMA holds it (nothing is counted).
            NotWalkableError: pagemap does not cover it (nothing is counted).
            TargetGoneError: The address space is no more.
            ReadFailedError: The kernel refused the read.
        """
        page = address // PAGE_SIZE * PAGE_SIZE
        if self.space.find(page) is None:
            raise NotMappedError(f"address {address:#x} is in no VMA")
        served = next(self.lookup_range(page, page + PAGE_SIZE))
        return served.window.entry(page)

    def lookup_range(self, start: int, end: int) -> Iterator[Served]:
        """Look up the pages of `[start, end)` in order; all must lie in VMAs.

        Yields:
            Runs of pages that one window serves. Each starts with at most one miss.

        Raises:
            The errors of `lookup`, at the page that raises them; what was yielded before stays counted.
        """
        address = start
        while address < end:
            window = self._held(address)
            missed = ""
            if window is None:
                window, missed = self._miss(address)
            stop = min(end, window.end)
            count = (stop - address) // PAGE_SIZE
            hits = count - 1 if missed else count
            self.counters.lookups += hits
            self.counters.hits += hits
            if window.counted:
                self.counters.entries_used += window.use(address, stop)
            if hits:
                self.events.hit(self.clock(), stop - hits * PAGE_SIZE, stop, hits, window.number)
            yield Served(address, stop, window, missed)
            address = stop

    @property
    def address_limit(self) -> int:
        """First address that pagemap does not cover."""
        return self._reader.address_limit

    def window_at(self, address: int) -> Window | None:
        """The held window that has this page, also an expired one; looks nothing up and counts nothing."""
        index = bisect_right(self._starts, address)
        while index:
            index -= 1
            if address < self._windows[index].end:
                return self._windows[index]
            if not self._overlaps:
                return None
        return None

    def age(self, window: Window) -> float:
        """Seconds since the window was read."""
        return self.clock() - window.filled_at

    def refresh(self, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, memoryview]]:
        """Read `ranges` again, counted as refreshes and not as lookups.

        A window of up to `WHOLE_REFRESH` entries is re-read whole and is then young again. Of a larger one only the
        ranges are re-read, and its age stays: the cost follows the screen. What no window holds (after a flush, or
        where the policy holds less than a screen) is re-read without making one.

        Args:
            ranges: Byte ranges that lie in VMAs.

        Returns:
            The ranges in pieces: first address and entries of each, in order.

        Raises:
            TargetGoneError: The address space is no more.
            ReadFailedError: The kernel refused a read.
        """
        pieces: list[tuple[int, memoryview]] = []
        young: set[int] = set()
        for start, end in ranges:
            address = start
            while address < end:
                window = self.window_at(address)
                if window is None:
                    stop = min([end, *(w.start for w in self._windows if w.start > address)])
                    entries = self._reread(address, stop, None)
                else:
                    stop = min(end, window.end)
                    if len(window.entries) > WHOLE_REFRESH:
                        self._reread_part(window, address, stop)
                    elif window.number not in young:
                        window.entries = self._reread(window.start, window.end, window.number)
                        window.filled_at = self.clock()
                        young.add(window.number)
                    entries = Served(address, stop, window, "").entries
                pieces.append((address, entries))
                address = stop
        return pieces

    def set_space(self, space: AddressSpace) -> list[tuple[int, int]]:
        """Take over changed maps: drop exactly the windows that hold a page of a VMA that changed.

        Returns:
            The byte ranges of the VMAs that differ, merged.
        """
        changed = self.space.changed_ranges(space)
        self.space = space
        for start, end in changed:
            touched = [w for w in self._windows if w.start < end and start < w.end]
            for window in touched:
                self._drop(window, "invalidated", "the VMAs under it changed")
        return changed

    def flush(self) -> None:
        """Drop every window by hand."""
        for window in self.windows:
            self._drop(window, "invalidated", "flushed by hand")

    def reset(self) -> None:
        """Set all counters to zero; the windows stay, and count as neither read nor used from now on."""
        self.counters = Counters()
        for window in self._windows:
            window.counted = False

    def _held(self, address: int) -> Window | None:
        window = self.window_at(address)
        if window is None:
            return None
        if self.age_limit is not None and self.age(window) > self.age_limit:
            self._drop(window, "expired", "older than the age limit")
            return None
        self._recent.move_to_end(window.number)
        return window

    def _miss(self, address: int) -> tuple[Window, str]:
        limit = self._reader.address_limit
        if address >= limit:
            if limit == 0:
                raise TargetGoneError("the target's address space is gone")
            raise NotWalkableError(f"address {address:#x} is above what pagemap covers", f"its limit is {limit:#x}")
        plan = self.policy.plan(self.space, address, limit)
        reason = self._past.get(address) or "cold"
        self.counters.miss(reason)
        self.last_miss = self.events.add(self.clock(), "miss", address, address + PAGE_SIZE, reason)
        self.last_fill = None
        began = time.perf_counter()
        try:
            reading = self._reader.read(plan.start, plan.end)
        except ReadFailedError as exc:
            self.counters.preads += exc.preads
            self._fail(plan.start, plan.end, exc)
            raise
        seconds = time.perf_counter() - began
        self.counters.preads += reading.preads
        entries = reading.entries
        if reading.short_reads or len(entries) * PAGE_SIZE < plan.end - plan.start:
            got = plan.start + len(entries) * PAGE_SIZE
            self.events.add(self.clock(), "short-read", plan.start, plan.end, f"entries up to {got:#x} in all")
        if (address - plan.start) // PAGE_SIZE >= len(entries):
            error = TargetGoneError("the target's address space is gone", "pagemap gave 0 bytes")
            self._fail(plan.start, plan.end, error)
            raise error
        self.counters.fill(len(entries), len(entries) * ENTRY_BYTES, seconds)
        self._numbers += 1
        window = Window(self._numbers, plan.start, entries, self.clock(), plan.why)
        self._log_fill(window, reading.preads, seconds)
        self._insert(window)
        return window, reason

    def _log_fill(self, window: Window, preads: int, seconds: float) -> None:
        space = self.space
        covered = space.mapped_pages(window.start, window.end) * PAGE_SIZE
        self.last_fill = self.events.add(
            window.filled_at,
            "fill",
            window.start,
            window.end,
            window.why,
            vmas=space.first_starting_at(window.end) - space.first_ending_after(window.start),
            covered=covered,
            gap=window.end - window.start - covered,
            window=window.number,
            preads=preads,
            microseconds=seconds * 1e6,
        )

    def _fail(self, start: int, end: int, error: PagelensError) -> None:
        self.counters.failed_fills += 1
        self.events.add(self.clock(), "error", start, end, str(error))

    def _insert(self, window: Window) -> None:
        # What the new window holds wholly is superseded: no page is held twice for nothing.
        for old in [w for w in self._neighbours(window) if window.start <= w.start and w.end <= window.end]:
            self._drop(old, "evicted", "superseded by a newer window")
            self.counters.evictions += 1
        while len(self._windows) >= self.policy.windows:
            oldest = next(iter(self._recent.values()))
            self._drop(oldest, "evicted", "least recently used")
            self.counters.evictions += 1
        self._overlaps = self._overlaps or bool(self._neighbours(window))
        index = bisect_left(self._starts, window.start)
        self._starts.insert(index, window.start)
        self._windows.insert(index, window)
        self._recent[window.number] = window

    def _neighbours(self, window: Window) -> list[Window]:
        """Held windows that overlap `window`."""
        if self._overlaps:
            return [w for w in self._windows if w.start < window.end and window.start < w.end]
        first = max(0, bisect_right(self._starts, window.start) - 1)
        last = bisect_left(self._starts, window.end)
        return [w for w in self._windows[first:last] if window.start < w.end]

    def _drop(self, window: Window, fate: str, why: str) -> None:
        index = bisect_left(self._starts, window.start)
        while self._windows[index] is not window:
            index += 1
        del self._starts[index], self._windows[index], self._recent[window.number]
        if not self._windows:
            self._overlaps = False
        self._past.set(window.start, window.end, fate)
        kind = "invalidate" if fate == "invalidated" else "evict"
        self.events.add(self.clock(), kind, window.start, window.end, why, window=window.number)

    def _reread(self, start: int, end: int, window: int | None) -> memoryview:
        try:
            reading = self._reader.read(start, end)
        except ReadFailedError as exc:
            self.counters.refresh_preads += exc.preads
            self.events.add(self.clock(), "error", start, end, str(exc))
            raise
        self.counters.refresh_preads += reading.preads
        if len(reading.entries) * PAGE_SIZE < end - start:
            raise TargetGoneError("the target's address space is gone", "pagemap gave 0 bytes")
        self.counters.refreshes += 1
        self.counters.refresh_bytes += len(reading.entries) * ENTRY_BYTES
        self.events.add(self.clock(), "refresh", start, end, window=window, preads=reading.preads)
        return reading.entries

    def _reread_part(self, window: Window, start: int, end: int) -> None:
        entries = self._reread(start, end, window.number)
        if window.entries.readonly:
            # Copied once, at the first refresh of a part; from then on parts are written in place.
            window.entries = memoryview(bytearray(window.entries)).cast("Q")
        first = (start - window.start) // PAGE_SIZE
        window.entries[first : first + len(entries)] = entries
