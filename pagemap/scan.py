"""PAGEMAP_SCAN: the populated ranges of an address space by category, where the cost is the pages', not the addresses'.

Source: Documentation/admin-guide/mm/pagemap.rst and fs/proc/task_mmu.c (do_pagemap_scan), Linux 6.7 and later. A kernel
without it is served by `scan_fallback`, which decodes entries and gives the same ranges. The ioctl could also
write-protect what it finds: that flag is never passed.
"""

from __future__ import annotations

import errno
import fcntl
import struct
import time
from array import array
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from pagemap.errors import PagelensError, ReadFailedError, TargetGoneError
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pagemap.reader import PagemapReader
    from pagemap.state import Visibility
    from pagemap.vma import AddressSpace

_PAGEMAP_SCAN: Final = 0xC0606610
_ARGUMENT: Final = struct.Struct("12Q")
_WALK_END: Final = 4
_ENTRIES: Final = 3
"""Machine words of one struct page_region: start, end, categories."""

VEC_LEN: Final = 1_000
"""Regions that one call gives at most; the kernel hands them over in portions of 512."""
_CALL_PAGES: Final = 1 << 16
"""Pages after which one call stops, 2 ms of dense memory: the target's mmap_lock is held until then."""
_NARROW_SPANS: Final = (1 << 30, 1 << 34)
"""Addresses of one call, least and most, where pages that do not match (and so are not counted) may be walked."""
_QUICK: Final = 1e-3
_SLOW: Final = 4e-3
"""Seconds of one call under which the next may span more addresses, and above which it spans fewer."""


class Category(IntFlag):
    """What a scan can say of a page (include/uapi/linux/fs.h, PAGE_IS_…)."""

    WPALLOWED = 1 << 0
    """In a VMA under asynchronous write protection (userfaultfd); only there WRITTEN means anything."""
    WRITTEN = 1 << 1
    FILE = 1 << 2
    PRESENT = 1 << 3
    SWAPPED = 1 << 4
    """Neither present nor empty: swap, but also markers, guard regions among them (bit 62 of the entry)."""
    PFNZERO = 1 << 5
    """The zero page or the huge zero page."""
    HUGE = 1 << 6
    """Mapped by a page-table entry above the lowest level: transparent huge page or hugetlb, not mTHP."""
    SOFT_DIRTY = 1 << 7
    GUARD = 1 << 8


ALL: Final = Category((1 << 9) - 1)
DETAIL: Final = Category.FILE | Category.PRESENT | Category.SWAPPED | Category.PFNZERO | Category.HUGE | Category.GUARD
"""The categories that say what a page is, without those that say whether it was written."""


class Match(NamedTuple):
    """Which pages a scan gives: all categories of `mask`, and at least one of `any_of` unless that is empty.

    A category in `inverted` counts as its opposite in both.
    """

    mask: Category = Category(0)
    any_of: Category = Category(0)
    inverted: Category = Category(0)

    def missing(self, known: Category) -> Category:
        """The categories without which the question makes no sense and that are not `known`."""
        missing = self.mask & ~self.inverted & ~known
        return missing if self.any_of & known else missing | self.any_of

    def known_by(self, known: Category) -> Match:
        """The same question in the words of a kernel that knows these categories only."""
        return Match(self.mask & known, self.any_of & known, self.inverted & known)


POPULATED: Final = Match(any_of=Category.PRESENT | Category.SWAPPED)
"""Every page whose page-table entry is not empty."""


class Region(NamedTuple):
    """Adjacent pages of the same categories; it can reach over VMA borders.

    Attributes:
        start: First address, in bytes.
        end: First address after it, in bytes.
        categories: Bits of `Category`, of those that were asked for; a plain integer, for speed.
    """

    start: int
    end: int
    categories: int


class ScanUnsupportedError(PagelensError):
    """This kernel, or this user, cannot tell a category that was asked for."""


class ScanCancelledError(PagelensError):
    """The caller's `cancelled` said so."""

    exit_status = 130


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What to scan.

    Attributes:
        start: First address, page-aligned, in bytes.
        end: First address after it, page-aligned; what lies above the address limit is left out.
        match: Which pages are wanted.
        returning: The categories told of them; pages that differ in others only are one region.
        max_pages: Stop after so many pages; 0 for no limit.
        vec_len: Regions to ask for in one call.
        cancelled: Asked between calls, each of which takes milliseconds; True ends the scan with an error.
        progress: Told between calls the address reached.
    """

    start: int
    end: int
    match: Match = POPULATED
    returning: Category = DETAIL
    max_pages: int = 0
    vec_len: int = VEC_LEN
    cancelled: Callable[[], bool] | None = None
    progress: Callable[[int], None] | None = None

    def check(self, reached: int) -> None:
        """Report progress, and stop if that is wished.

        Raises:
            ScanCancelledError: `cancelled` says so.
        """
        if self.progress is not None:
            self.progress(reached)
        if self.cancelled is not None and self.cancelled():
            raise ScanCancelledError("the scan was cancelled", f"it had reached {reached:#x}")


class Scannable(Protocol):
    """What can be scanned: every `source.Source`, and a `PagemapScanner`."""

    @property
    def address_limit(self) -> int:
        """First address that pagemap does not cover."""

    @property
    def categories(self) -> Category:
        """The categories that it can tell; others are None in counts and an error in a `Match`."""

    def scan(self, request: ScanRequest) -> Iterator[array[int]]:
        """The regions that match, in order, in portions.

        Yields:
            Flat arrays of start, end, categories; `scan_ranges` makes regions of them.

        Raises:
            ScanUnsupportedError: The match needs a category that cannot be told.
            ScanCancelledError: The request's `cancelled` said so.
            TargetGoneError: The address space is no more.
            ReadFailedError: The kernel refused.
        """


class PagemapScanner:
    """Scans through one pagemap descriptor: by PAGEMAP_SCAN where the kernel has it, else by reading entries.

    Which categories the kernel knows is found out at the first use and remembered.

    Args:
        reader: The descriptor's reader, which stays its owner.
        sight: What of the entries this user can see, for the fallback.
        maps: The VMAs: the fallback and searches leave out the gaps between them.
        ioctl: What makes the call; tests inject one that knows less.
    """

    def __init__(
        self,
        reader: PagemapReader,
        sight: Visibility,
        maps: Callable[[], AddressSpace],
        ioctl: Callable[[int, int, bytearray], int] = fcntl.ioctl,
    ) -> None:
        self._reader: Final = reader
        self._sight: Final = sight
        self._maps: Final = maps
        self._ioctl = ioctl
        self._known: Category | None = None

    @property
    def address_limit(self) -> int:
        """First address that pagemap does not cover."""
        return self._reader.address_limit

    @property
    def has_ioctl(self) -> bool:
        """Whether the kernel has PAGEMAP_SCAN."""
        return bool(self._ask_kernel())

    @property
    def categories(self) -> Category:
        """The categories that can be told here."""
        known = self._ask_kernel()
        if known:
            return known
        from pagemap.scan_fallback import categories

        return categories(self._sight)

    def scan(self, request: ScanRequest) -> Iterator[array[int]]:
        """The regions that match; see `Scannable.scan`."""
        request = self._within(request)
        if self.has_ioctl:
            return self._by_ioctl(request)
        from pagemap.scan_fallback import scan_entries

        return scan_entries(self._reader, self._maps(), request, self._sight)

    def _within(self, request: ScanRequest) -> ScanRequest:
        """The request within the address limit, and without categories that cannot be told."""
        limit = self._reader.address_limit
        if limit == 0:
            raise TargetGoneError("the target's address space is gone", "pagemap gives 0 bytes")
        known = self.categories
        missing = request.match.missing(known)
        if missing:
            names = ", ".join(category.name or "" for category in missing)
            why = "this kernel's scan does not know it" if self.has_ioctl else "the entries alone do not tell it"
            remedy = "a newer kernel (6.7, for guard regions 6.15) can, or root where PFNs are needed"
            raise ScanUnsupportedError(f"cannot scan for {names}", why, remedy)
        match, returning = request.match.known_by(known), request.returning & known
        return replace(request, end=min(request.end, limit), match=match, returning=returning)

    def _ask_kernel(self) -> Category:
        """The categories that the kernel's PAGEMAP_SCAN knows, none if it has no such call."""
        if self._known is None:
            self._known = ALL
            if not self._accepts(ALL):
                # Linux 6.7 to 6.14 know fewer, and refuse the whole call for one that they do not.
                known = [category for category in Category if self._accepts(category)]
                self._known = Category(sum(known))
        return self._known

    def _accepts(self, categories: Category) -> bool:
        try:
            # An empty range: nothing is walked, the arguments alone are checked.
            self._ioctl(self._reader.fd, _PAGEMAP_SCAN, _argument(0, 0, (0, 0), 1, Match(), categories))
        except OSError as exc:
            if exc.errno == errno.ESRCH:
                self._known = None
                raise TargetGoneError("the target's address space is gone") from exc
            return False
        return True

    def _by_ioctl(self, request: ScanRequest) -> Iterator[array[int]]:
        match, end, position = request.match, request.end, request.start
        if position >= end:
            return
        vector = array("Q", bytes(_ENTRIES * 8 * request.vec_len))
        place = (vector.buffer_info()[0], request.vec_len)
        # A wide match counts every populated page, so max_pages bounds a call; a narrow one is bounded in addresses.
        space = None if match == POPULATED else self._maps()
        span, left, empty = _NARROW_SPANS[0], request.max_pages, True
        while position < end:
            request.check(position)
            stop = end
            if space is not None:
                index = space.first_ending_after(position)
                position = max(position, space.starts[index]) if index < len(space) else end
                if position >= end:
                    break
                stop = min(end, position + span)
            pages = min(left or _CALL_PAGES, _CALL_PAGES)
            argument = _argument(position, stop, place, pages, match, request.returning)
            began = time.perf_counter()
            try:
                regions = self._ioctl(self._reader.fd, _PAGEMAP_SCAN, argument)
            except OSError as exc:
                if exc.errno == errno.ESRCH:
                    raise TargetGoneError("the target's address space is gone") from exc
                raise ReadFailedError(f"cannot scan pagemap at {position:#x}", exc.strerror or str(exc)) from exc
            span = _next_span(span, time.perf_counter() - began)
            empty = not regions
            position = stop
            if not regions:
                continue
            found = vector[: _ENTRIES * regions]
            walk_end = _ARGUMENT.unpack(argument)[_WALK_END]
            full = regions == request.vec_len
            pages_found = 0
            if request.max_pages or (walk_end < stop and not full):
                pages_found = (sum(found[1::_ENTRIES]) - sum(found[::_ENTRIES])) // PAGE_SIZE
            # A call that walked to the end can leave a walk_end from before its last region: whether it stopped early
            # is told by what it gave, and resuming below its last region would count pages twice.
            if full or pages_found >= pages:
                position = max(walk_end, found[-2])
            yield found
            if request.max_pages:
                left -= pages_found
                if left <= 0:
                    return
        if empty and not self._reader.alive(request.start):
            # Linux 6.18 scans a dead address space without a word.
            raise TargetGoneError("the target's address space is gone", "pagemap gives 0 bytes")


def _argument(
    start: int, end: int, vector: tuple[int, int], max_pages: int, match: Match, returning: Category
) -> bytearray:
    """Struct pm_scan_arg. Flags are 0, always: nothing is write-protected."""
    size, flags, walk_end = _ARGUMENT.size, 0, 0
    return bytearray(
        _ARGUMENT.pack(
            *(size, flags, start, end, walk_end, *vector, max_pages),
            *(match.inverted, match.mask, match.any_of, returning),
        )
    )


def _next_span(span: int, seconds: float) -> int:
    if seconds < _QUICK:
        return min(span * 4, _NARROW_SPANS[1])
    return max(span // 4, _NARROW_SPANS[0]) if seconds > _SLOW else span


def scan_ranges(source: Scannable, start: int, end: int, match: Match = POPULATED, **options: Any) -> Iterator[Region]:
    """The regions of `[start, end)` that match, in order, none touching another of the same categories.

    Args:
        source: What to scan.
        start: First address, page-aligned, in bytes.
        end: First address after it.
        match: Which pages are wanted.
        **options: Other fields of `ScanRequest`, such as `returning` and `cancelled`.

    Raises:
        The errors of `Scannable.scan`.
    """
    held: Region | None = None
    for portion in source.scan(ScanRequest(start, end, match, **options)):
        words = iter(portion)
        for region in map(Region._make, zip(words, words, words, strict=True)):
            if held is None:
                held = region
            elif held.end == region.start and held.categories == region.categories:
                # A call ended here, the region did not.
                held = Region(held.start, region.end, region.categories)
            else:
                yield held
                held = region
    if held is not None:
        yield held
