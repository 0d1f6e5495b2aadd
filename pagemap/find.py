"""The next or previous page in a chosen state, across the whole address space, without reading what is absent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Protocol

from pagemap import entry as e
from pagemap.errors import UsageError
from pagemap.scan import Category, Match, Scannable, ScanRequest
from pagemap.source import EntryReader
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterator

    from pagemap.vma import AddressSpace

SEARCHES: Final = {
    "present": Match(mask=Category.PRESENT),
    "swapped": Match(mask=Category.SWAPPED | Category.GUARD, inverted=Category.GUARD),
    "zero": Match(mask=Category.PFNZERO),
    "huge": Match(mask=Category.HUGE),
    "guard": Match(mask=Category.GUARD),
    "file": Match(mask=Category.FILE),
    # Outside asynchronous write protection the kernel says of every page that it was written.
    "written": Match(mask=Category.WPALLOWED | Category.WRITTEN),
    "soft-dirty": Match(mask=Category.SOFT_DIRTY),
    "exclusive": Match(mask=Category.PRESENT),
}
"""What can be searched for, and what a scan must match for it; `exclusive` then asks the entries."""

_NOTHING: Final = Category(0)
_STRIDE: Final = 1 << 21
"""Addresses of the first step; each further one takes eight times as many."""
_GROWTH: Final = 8
_PIECE: Final = 4_096 * PAGE_SIZE
"""Addresses whose entries are read at once to look for exclusive pages."""
_TOP: Final = slice(7 if sys.byteorder == "little" else 0, None, e.ENTRY_BYTES)
_EXCLUSIVE_BITS: Final = (e.PRESENT | e.EXCLUSIVE) >> 56
_EXCLUSIVE: Final = bytes(byte & _EXCLUSIVE_BITS == _EXCLUSIVE_BITS for byte in range(256))


class Searchable(Scannable, EntryReader, Protocol):
    """What can be searched: every `source.Source`."""


def next_page(
    source: Searchable,
    space: AddressSpace,
    address: int,
    state: str,
    *,
    backwards: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> int | None:
    """The address of the next page after `address` in a state, or of the previous one before it.

    Args:
        source: Where to look.
        space: Its VMAs; gaps between them are jumped over.
        address: Where to begin, in bytes; the page that holds it is not looked at.
        state: One of `SEARCHES`.
        backwards: Look towards lower addresses.
        cancelled: Asked every few milliseconds; True ends the search with an error.

    Returns:
        The page's address, or None if there is none up to the end (or the beginning) of the address space.

    Raises:
        UsageError: There is no such state to search for.
        ScanUnsupportedError: This kernel, or this user, cannot tell this state.
        ScanCancelledError: `cancelled` said so.
        TargetGoneError: The address space is no more.
        ReadFailedError: The kernel refused.
    """
    if state not in SEARCHES:
        raise UsageError(f"cannot search for {state!r}", "", f"it is one of {', '.join(SEARCHES)}")
    page = address // PAGE_SIZE * PAGE_SIZE
    look = _Search(source, space, SEARCHES[state], cancelled)
    if state == "exclusive":
        return look.exclusive_before(page) if backwards else look.exclusive_from(page + PAGE_SIZE)
    return look.before(page) if backwards else look.at_or_after(page + PAGE_SIZE)


class _Search:
    """One search: where, and for what."""

    def __init__(
        self, source: Searchable, space: AddressSpace, match: Match, cancelled: Callable[[], bool] | None
    ) -> None:
        self._source = source
        self._space = space
        self._match = match
        self._cancelled = cancelled

    def _pages(self, low: int, high: int, most: int) -> Iterator[array[int]]:
        return self._source.scan(
            ScanRequest(low, high, self._match, _NOTHING, most, vec_len=most, cancelled=self._cancelled)
        )

    def _first(self, low: int, high: int) -> int | None:
        """The first page of a range that matches: the scan stops there."""
        return next((portion[0] for portion in self._pages(low, high, 1)), None)

    def _last(self, low: int, high: int) -> int | None:
        """The last page of a range that matches, by bisection: no scan walks over more than one page that does."""
        last = self._first(low, high)
        if last is None:
            return None
        while high - last > _STRIDE:
            middle = (last + high) // 2 // PAGE_SIZE * PAGE_SIZE
            above = self._first(middle, high)
            if above is None:
                high = middle
            else:
                last = above
        for portion in self._pages(last, high, _STRIDE // PAGE_SIZE):
            last = portion[-2] - PAGE_SIZE
        return last

    def at_or_after(self, address: int) -> int | None:
        steps = (self._first(low, high) for low, high in _steps_up(self._space, address))
        return next((found for found in steps if found is not None), None)

    def before(self, address: int) -> int | None:
        steps = (self._last(low, high) for low, high in _steps_down(self._space, address))
        return next((found for found in steps if found is not None), None)

    def exclusive_from(self, address: int) -> int | None:
        while (start := self.at_or_after(address)) is not None:
            address = start + _PIECE
            place = self._exclusive(start, address).find(1)
            if place >= 0:
                return start + place * PAGE_SIZE
        return None

    def exclusive_before(self, address: int) -> int | None:
        while (last := self.before(address)) is not None:
            address = max(0, last + PAGE_SIZE - _PIECE)
            place = self._exclusive(address, last + PAGE_SIZE).rfind(1)
            if place >= 0:
                return address + place * PAGE_SIZE
        return None

    def _exclusive(self, start: int, end: int) -> bytes:
        """For each page 1 if it is present and mapped exactly once, else 0."""
        entries = self._source.read(start, min(end, self._source.address_limit)).entries
        return entries.tobytes()[_TOP].translate(_EXCLUSIVE)


def _steps_up(space: AddressSpace, address: int) -> Iterator[tuple[int, int]]:
    """Growing ranges from `address` up, over everything mapped."""
    stride = _STRIDE
    index = space.first_ending_after(address)
    while index < len(space):
        low = max(address, space.starts[index])
        address = low + stride
        yield low, address
        stride *= _GROWTH
        index = space.first_ending_after(address)


def _steps_down(space: AddressSpace, address: int) -> Iterator[tuple[int, int]]:
    """Growing ranges from `address` down, over everything mapped."""
    stride = _STRIDE
    index = space.first_starting_at(address) - 1
    while index >= 0:
        high = min(address, space.ends[index])
        address = max(0, high - stride)
        yield address, high
        stride *= _GROWTH
        index = space.first_starting_at(address) - 1
