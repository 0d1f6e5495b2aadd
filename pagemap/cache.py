"""`PagemapCache`: windows of entries, lookups, counters, events.

A lookup asks for one page's entry. It is a hit if a held window has it, else a miss; a miss fills exactly one window,
then the lookup is served. Ranges are lookups of their pages in order, counted as such but served in slices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pagemap.counters import Counters
from pagemap.entry import ENTRY_BYTES
from pagemap.errors import ReadFailedError, TargetGoneError
from pagemap.lookups import LookupCache
from pagemap.policies import DEFAULT_POLICY
from pagemap.regions import RegionWindow
from pagemap.vma import PAGE_SIZE
from pagemap.window import Served

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from pagemap.policies import Policy
    from pagemap.source import Source
    from pagemap.vma import AddressSpace
    from pagemap.window import Window

WHOLE_REFRESH: Final = 4_096
"""Entries up to which a refresh re-reads a whole window; of a larger one it re-reads the visible rows only."""


class PagemapCache(LookupCache):
    """A pagemap cache over one reader and one address space.

    Args:
        reader: Reads entries; the cache does not close it unless it was made by `open`.
        space: The VMAs.
        policy: Which window a miss reads.
        age_limit: Seconds after which a window no longer serves, or None.
        clock: Seconds, monotonic, for ages; tests inject one.
        timer: Seconds, for how long fills take; tests inject one.

    Attributes:
        counters: What was counted so far.
        events: What happened lately.
        last_miss: The last miss, None before the first.
        last_fill: The fill it led to, None if that failed.
    """

    _owned: Source | None = None
    """What `open` made, and `close` closes."""

    @classmethod
    def open(cls, pid: int, policy: Policy | str = DEFAULT_POLICY) -> Self:
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

    def __enter__(self) -> Self:
        """The cache itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what `open` opened."""
        self.close()

    def close(self) -> None:
        """Let go of the windows, and of the source if `open` made it."""
        self._store.clear()
        self._past.clear()
        if self._owned is not None:
            self._owned.close()
            self._owned = None

    def refresh(self, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, memoryview]]:
        """Read `ranges` again, counted as refreshes and not as lookups.

        A window of up to `WHOLE_REFRESH` entries is re-read whole and is then young again. Of a larger one, and of one
        of regions, only the ranges are re-read, and its age stays: the cost follows the screen. What no window holds
        (after a flush, or where the policy holds less than a screen) is re-read without making one.

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
                    stop = min(end, self._store.next_start(address) or end)
                    entries = self._reread(address, stop, None)
                else:
                    stop = min(end, window.end)
                    if len(window.entries) > WHOLE_REFRESH or self.policy.regions:
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
            for window in self._store.overlapping(start, end):
                self._drop(window, "invalidated", "the VMAs under it changed")
        return changed

    def flush(self) -> None:
        """Drop every window by hand."""
        for window in self.windows:
            self._drop(window, "invalidated", "flushed by hand")

    def reset(self) -> None:
        """Set all counters to zero; the windows stay, and count as neither read nor used from now on."""
        self.counters = Counters()
        for window in self._store:
            # Regions have their entries read as they are looked up: what is used from now on is read from now on.
            window.counted = isinstance(window, RegionWindow)

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
