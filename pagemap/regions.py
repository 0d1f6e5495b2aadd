"""Windows that hold PAGEMAP_SCAN's regions: which pages are populated, and the entries of those that were looked at.

A scan gives no PFN, so the entry of a page comes by pread when the page is looked up; CRIU's cache works like this
where the kernel has the ioctl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from pagemap.scan import ScanRequest
from pagemap.vma import PAGE_SIZE
from pagemap.window import Window, blank

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from pagemap.policy import Plan
    from pagemap.source import EntryReader, Reading

VECTOR: Final = 32_768
"""Regions that one fill takes at most; where they are used up, the window ends."""
_WORDS: Final = 3


@runtime_checkable
class _Scans(Protocol):
    def scan(self, request: ScanRequest) -> Iterator[array[int]]: ...


class Scanned(NamedTuple):
    """What a scan for a window came to.

    Attributes:
        start: First address of the window; above the one asked for where a vector was full below the page that missed.
        end: First address after it; below the one asked for where the vector was full.
        regions: How many regions there are, at most `VECTOR`.
    """

    start: int
    end: int
    regions: int


class RegionWindow(Window):
    """A window whose entries are read only for the pages that are looked up.

    Attributes:
        known: One byte a page: its entry has been read.
        regions: How many regions the scan gave.
        partial: Whether a full vector made it less than the policy asked for.
    """

    __slots__ = ("known", "partial", "regions")

    def __init__(self, number: int, plan: Plan, scanned: Scanned, filled_at: float) -> None:
        pages = (scanned.end - scanned.start) // PAGE_SIZE
        super().__init__(number, scanned.start, blank(pages), filled_at, plan.why)
        self.known = bytearray(pages)
        self.regions = scanned.regions
        self.partial = (scanned.start, scanned.end) != (plan.start, plan.end)

    def resolve(self, start: int, end: int, reader: EntryReader) -> Reading | None:
        """Read the entries of `[start, end)` as far as they are not known, in one request.

        Returns:
            What was read, or None if nothing had to be.

        Raises:
            The errors of `EntryReader.read`.
        """
        first, stop = (start - self.start) // PAGE_SIZE, (end - self.start) // PAGE_SIZE
        first = self.known.find(0, first, stop)
        if first < 0:
            return None
        last = self.known.rfind(0, first, stop) + 1
        reading = reader.read(self.start + first * PAGE_SIZE, self.start + last * PAGE_SIZE)
        got = first + len(reading.entries)
        self.entries[first:got] = reading.entries
        self.known[first:got] = b"\1" * (got - first)
        if got < last:
            # The address space ended there: what was known behind it holds no more, and the last page tells so.
            self.known[got:stop] = bytes(stop - got)
        return reading


def scan(reader: EntryReader, start: int, end: int, address: int) -> Scanned:
    """Scan a window.

    Args:
        reader: A source that can scan; for one that cannot (a shadow) nothing is done.
        start: First address.
        end: First address after it.
        address: The page that missed; the window will hold it.

    Raises:
        The errors of `scan.Scannable.scan`.
    """
    if not isinstance(reader, _Scans):
        return Scanned(start, end, 0)
    regions = 0
    for portion in reader.scan(ScanRequest(start, end)):
        have = regions + len(portion) // _WORDS
        for full in range(VECTOR, have + 1, VECTOR):
            stop = portion[(full - regions) * _WORDS - 2]
            if address < stop < end:
                return Scanned(start, stop, VECTOR)
            if stop <= address:
                # The vector was full below the page that missed: the next window begins there.
                start = stop
        regions = have % VECTOR
    return Scanned(start, end, regions)
