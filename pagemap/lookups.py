"""Lookups: the windows that serve them, and the misses that fill windows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pagemap.counters import Counters
from pagemap.errors import NotMappedError, NotWalkableError, PagelensError, ReadFailedError, TargetGoneError
from pagemap.events import EventLog
from pagemap.intervals import IntervalMap
from pagemap.policies import DEFAULT_POLICY, MAX_WINDOW, Plan, Policy, make_policy
from pagemap.regions import RegionWindow, scan
from pagemap.store import WindowStore
from pagemap.vma import PAGE_SIZE
from pagemap.window import Served, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pagemap.events import Event
    from pagemap.source import EntryReader
    from pagemap.vma import AddressSpace


class LookupCache:
    """Windows over one reader and one address space; `PagemapCache` adds what happens beside lookups.

    It takes what `PagemapCache` takes.
    """

    def __init__(
        self,
        reader: EntryReader,
        space: AddressSpace,
        policy: Policy | str = DEFAULT_POLICY,
        *,
        age_limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.policy: Final = make_policy(policy) if isinstance(policy, str) else policy
        self.space = space
        self.age_limit = age_limit
        self.clock: Final = clock
        self._timer: Final = timer
        self.counters = Counters()
        self.events = EventLog()
        self.last_miss: Event | None = None
        self.last_fill: Event | None = None
        self._reader: Final = reader
        self._store: Final = WindowStore()
        self._past: Final[IntervalMap[str]] = IntervalMap()
        self._numbers = 0
        self._plan: Plan | None = None

    @property
    def windows(self) -> list[Window]:
        """The held windows by address."""
        return list(self._store)

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
            stop = self._run_end(address, end, window)
            if self.policy.whole_vma:
                stop = min(stop, self._vma_end(address))
            if isinstance(window, RegionWindow):
                self._resolve(window, address, stop)
            count = (stop - address) // PAGE_SIZE
            hits = count - 1 if missed else count
            self.counters.lookups += hits
            self.counters.hits += hits
            if window.counted:
                self.counters.entries_used += window.use(address, stop)
            if hits:
                self.events.hit(self.clock, stop - hits * PAGE_SIZE, stop, hits, window.number)
            yield Served(address, stop, window, missed)
            address = stop

    def lookup_mapped(self, start: int, end: int) -> Iterator[tuple[Served, int]]:
        """Look up every mapped page of `[start, end)` in order, over VMA borders and gaps.

        It counts what `lookup_range` on each VMA would, but its arithmetic is done once a window, not once a VMA: for
        60,000 VMAs of one page that is the difference between the cost of the reads and ten times as much.

        Yields:
            A run that one window serves, gaps included, and how many pages of it were looked up.

        Raises:
            The errors of `lookup_range`.
        """
        if self.policy.whole_vma:
            for low, high in self.space.mapped_ranges(start, end):
                for served in self.lookup_range(low, high):
                    yield served, (served.end - served.start) // PAGE_SIZE
            return
        space, address = self.space, start
        while (index := space.first_ending_after(address)) < len(space):
            address = max(address, space.starts[index])
            if address >= end:
                return
            window = self._held(address)
            missed = ""
            if window is None:
                window, missed = self._miss(address)
            stop = self._run_end(address, end, window)
            pages = space.mapped_pages(address, stop)
            hits = pages - 1 if missed else pages
            self.counters.lookups += hits
            self.counters.hits += hits
            if window.counted:
                self.counters.entries_used += self._use(window, address, stop, pages)
            if hits:
                self.events.hit(self.clock, address + PAGE_SIZE if missed else address, stop, hits, window.number)
            yield Served(address, stop, window, missed), pages
            address = stop

    def _run_end(self, address: int, end: int, window: Window) -> int:
        # Where windows overlap, each page is served by the same one whether it is looked up alone or in a range.
        return min(end, window.end, self._store.next_start(address) or end)

    def _use(self, window: Window, start: int, end: int, pages: int) -> int:
        """Mark the mapped pages of `[start, end)`, of which there are `pages`, as looked up; how many were not yet."""
        if pages * PAGE_SIZE == end - start:
            return window.use(start, end)
        return sum(window.use(low, high) for low, high in self.space.mapped_ranges(start, end))

    @property
    def address_limit(self) -> int:
        """First address that pagemap does not cover.

        Raises:
            TargetGoneError: The address space was gone before its limit was ever asked for: then none is covered.
        """
        limit = self._reader.address_limit
        if limit == 0:
            raise TargetGoneError("the target's address space is gone")
        return limit

    def window_at(self, address: int) -> Window | None:
        """The held window that has this page, also an expired one; looks nothing up and counts nothing."""
        return self._store.at(address)

    def age(self, window: Window) -> float:
        """Seconds since the window was read."""
        return self.clock() - window.filled_at

    def _held(self, address: int) -> Window | None:
        # Overlapping windows: a page is a miss only if none of those that have it can serve it.
        for window in self._store.all_at(address):
            if self.policy.whole_vma and not self._holds_vma(window, address):
                continue
            if self.age_limit is not None and self.age(window) > self.age_limit:
                self._drop(window, "expired", "older than the age limit")
                continue
            self._store.touch(window)
            return window
        return None

    def _holds_vma(self, window: Window, address: int) -> bool:
        """Whether a window has the whole VMA of a page, or as much of it as a window may have."""
        if isinstance(window, RegionWindow) and window.partial:
            return True
        index = self.space.find(address)
        assert index is not None, "only mapped addresses are looked up"
        start, end = self.space.starts[index], min(self.space.ends[index], self.address_limit)
        return (window.start <= start and end <= window.end) or end - start > MAX_WINDOW

    def _miss(self, address: int) -> tuple[Window, str]:
        limit = self.address_limit
        if address >= limit:
            raise NotWalkableError(f"address {address:#x} is above what pagemap covers", f"its limit is {limit:#x}")
        plan = self.policy.plan(self.space, address, limit, self._plan)
        self._plan = plan
        reason = self._past.get(address) or "cold"
        self.counters.miss(reason)
        self.last_miss = self.events.add(self.clock(), "miss", address, address + PAGE_SIZE, reason)
        self.last_fill = None
        began = self._timer()
        try:
            window, preads = self._scan(plan, address) if self.policy.regions else self._read(plan, address)
        except PagelensError as exc:
            self.counters.failed_fills += 1
            self.events.add(self.clock(), "error", plan.start, plan.end, str(exc))
            raise
        seconds = self._timer() - began
        entries = 0 if self.policy.regions else len(window.entries)
        self.counters.fill(entries, len(window.entries), seconds)
        window.missed_at, window.reason = address, reason
        self._log_fill(window, preads, seconds)
        self._insert(window)
        return window, reason

    def _read(self, plan: Plan, address: int) -> tuple[Window, int]:
        """Read a window of entries; how many preads it took."""
        try:
            reading = self._reader.read(plan.start, plan.end)
        except ReadFailedError as exc:
            self.counters.preads += exc.preads
            raise
        self.counters.preads += reading.preads
        end = plan.start + len(reading.entries) * PAGE_SIZE
        if reading.short_reads or end < plan.end:
            self.events.add(self.clock(), "short-read", plan.start, plan.end, f"entries up to {end:#x} in all")
        if address >= end:
            raise TargetGoneError("the target's address space is gone", "pagemap gave 0 bytes")
        self._numbers += 1
        return Window(self._numbers, plan.start, reading.entries, self.clock(), plan.why), reading.preads

    def _scan(self, plan: Plan, address: int) -> tuple[Window, int]:
        """Scan a window of regions; it takes no pread."""
        self.counters.scans += 1
        scanned = scan(self._reader, plan.start, plan.end, address)
        self._numbers += 1
        return RegionWindow(self._numbers, plan, scanned, self.clock()), 0

    def _resolve(self, window: RegionWindow, start: int, end: int) -> None:
        """Read the entries of looked-up pages of which the window knows only the region."""
        try:
            reading = window.resolve(start, end, self._reader)
        except ReadFailedError as exc:
            self.counters.preads += exc.preads
            self.events.add(self.clock(), "error", start, end, str(exc))
            raise
        if reading is None:
            return
        self.counters.read(len(reading.entries), reading.preads)
        if not window.known[(end - window.start) // PAGE_SIZE - 1]:
            raise TargetGoneError("the target's address space is gone", "pagemap gave 0 bytes")

    def _vma_end(self, address: int) -> int:
        index = self.space.find(address)
        assert index is not None, "only mapped addresses are looked up"
        return self.space.ends[index]

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

    def _insert(self, window: Window) -> None:
        # What the new window holds wholly is superseded: no page is held twice for nothing.
        for old in self._store.overlapping(window.start, window.end):
            if window.start <= old.start and old.end <= window.end:
                self._drop(old, "evicted", "superseded by a newer window")
                self.counters.evictions += 1
        while len(self._store) >= self.policy.windows:
            self._drop(self._store.oldest(), "evicted", "least recently used")
            self.counters.evictions += 1
        self._store.insert(window)

    def _drop(self, window: Window, fate: str, why: str) -> None:
        self._store.remove(window)
        self._past.set(window.start, window.end, fate)
        kind = "invalidate" if fate == "invalidated" else "evict"
        self.events.add(self.clock(), kind, window.start, window.end, why, window=window.number)
