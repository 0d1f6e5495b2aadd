"""Windows that hold PAGEMAP_SCAN's regions: which pages are populated, and the entries of those that were looked at.

A scan gives no PFN, so the entry of a page comes by pread when the page is looked up; CRIU's cache works like this
where the kernel has the ioctl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from pagemap.scan import ScanRequest
from pagemap.vma import PAGE_SIZE
from pagemap.window import Window

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from pagemap.source import EntryReader, Reading

VECTOR: Final = 32_768
"""Regions that one fill takes at most; where they are used up, the window ends."""
_WORDS: Final = 3


@runtime_checkable
class _Scans(Protocol):
    def scan(self, request: ScanRequest) -> Iterator[array[int]]: ...


class RegionWindow(Window):
    """A window whose entries are read only for the pages that are looked up.

    Attributes:
        known: One byte a page: its entry has been read.
        regions: How many regions the scan gave.
    """

    __slots__ = ("known", "regions")

    def __init__(self, number: int, start: int, end: int, filled_at: float, why: str, regions: int) -> None:
        pages = (end - start) // PAGE_SIZE
        super().__init__(number, start, memoryview(bytearray(pages * 8)).cast("Q"), filled_at, why)
        self.known = bytearray(pages)
        self.regions = regions

    def resolve(self, start: int, end: int, reader: EntryReader) -> Reading | None:
        """Read the entries of `[start, end)` as far as they are not known, in one request.

        Returns:
            What was read, or None if nothing had to be.

        Raises:
            The errors of `EntryReader.read`.
        """
        first, last = (start - self.start) // PAGE_SIZE, (end - self.start) // PAGE_SIZE
        first = self.known.find(0, first, last)
        if first < 0:
            return None
        last = self.known.rfind(0, first, last) + 1
        reading = reader.read(self.start + first * PAGE_SIZE, self.start + last * PAGE_SIZE)
        got = len(reading.entries)
        self.entries[first : first + got] = reading.entries
        self.known[first : first + got] = b"\1" * got
        return reading


def scan(reader: EntryReader, start: int, end: int) -> tuple[int, int]:
    """Scan a window.

    Args:
        reader: A source that can scan; for one that cannot (a shadow) nothing is done.
        start: First address.
        end: First address after it.

    Returns:
        How many regions there are, and where the window ends: at `end`, or where the vector was full.

    Raises:
        The errors of `scan.Scannable.scan`.
    """
    if not isinstance(reader, _Scans):
        return 0, end
    regions = 0
    for portion in reader.scan(ScanRequest(start, end)):
        room = VECTOR - regions
        if len(portion) // _WORDS >= room:
            return VECTOR, portion[room * _WORDS - 2]
        regions += len(portion) // _WORDS
    return regions, end
