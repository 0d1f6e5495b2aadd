"""How many pages of each category a range, a VMA or a process has: sums over the regions of a scan.

It costs what the populated regions cost, so a 16 TiB reserve with a thousand pages is counted like a small process.
"""

from __future__ import annotations

from operator import mul
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pagemap.scan import Category, ScanRequest
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterator

    from pagemap.scan import Scannable
    from pagemap.vma import AddressSpace

_SWAPPED: Final = int(Category.SWAPPED)
_GUARD: Final = int(Category.GUARD)
_DIFFERENT: Final = 1_000
"""Different counts that are kept apart. Of 65,530 VMAs most look alike: these few serve them all."""


class PageCounts(NamedTuple):
    """Pages by category; None where this kernel or this user cannot tell.

    Attributes:
        present: In memory; the zero page counts.
        swapped: Neither present nor empty, and no guard region: swap, but also userfaultfd markers, poison, migration.
        zero: The zero page and the huge zero page.
        file: Files and shared memory.
        huge: Mapped as a huge page: transparent or hugetlb.
        guard: Guard regions.
    """

    present: int | None
    swapped: int | None
    zero: int | None
    file: int | None
    huge: int | None
    guard: int | None

    def as_json(self) -> dict[str, Any]:
        """The fields of `pagelens scan --json`."""
        return self._asdict()


UNKNOWN: Final = PageCounts(None, None, None, None, None, None)
"""Of what pagemap does not cover, `[vsyscall]` for example."""


class Total:
    """The sum of many counts; what one of them cannot tell the sum cannot either, and `UNKNOWN` is left out."""

    def __init__(self) -> None:
        self._seen: dict[PageCounts, int] = {}

    def add(self, counts: PageCounts) -> None:
        """Add the counts of one VMA."""
        seen = self._seen
        seen[counts] = seen.get(counts, 0) + 1
        if len(seen) >= _DIFFERENT:
            self._seen = {self.counts: 1}

    @property
    def counts(self) -> PageCounts:
        """The sum so far; `UNKNOWN` of nothing."""
        seen = {counts: times for counts, times in self._seen.items() if counts != UNKNOWN}
        if not seen:
            return UNKNOWN

        def total(column: tuple[int | None, ...]) -> int | None:
            known = [number for number in column if number is not None]
            return None if len(known) < len(column) else sum(map(mul, known, seen.values()))

        return PageCounts(*map(total, zip(*seen, strict=True)))


class Tally:
    """Sums pages by category.

    Args:
        known: The categories that can be told; the others' counts are None.
    """

    def __init__(self, known: Category) -> None:
        self._known: Final = int(known)
        self._told: Final = tuple(
            bool(known & category)
            for category in (
                *(Category.PRESENT, Category.SWAPPED, Category.PFNZERO),
                *(Category.FILE, Category.HUGE, Category.GUARD),
            )
        )
        self._made: dict[tuple[tuple[int, int], ...], PageCounts] = {}

    def counts(self, sizes: dict[int, int]) -> PageCounts:
        """The counts of a place where each combination of categories takes so many bytes."""
        key = tuple(sizes.items())
        made = self._made.get(key)
        if made is None:
            made = self._count(sizes)
            if len(self._made) < _DIFFERENT:
                self._made[key] = made
        return made

    def _count(self, sizes: dict[int, int]) -> PageCounts:
        def pages(category: Category, without: int = 0) -> int | None:
            bit = int(category)
            if not self._known & bit:
                return None
            return sum(size for bits, size in sizes.items() if bits & bit and not bits & without) // PAGE_SIZE

        return PageCounts(
            present=pages(Category.PRESENT),
            swapped=pages(Category.SWAPPED, without=_GUARD),
            zero=pages(Category.PFNZERO),
            file=pages(Category.FILE),
            huge=pages(Category.HUGE),
            guard=pages(Category.GUARD),
        )


def add_sizes(sizes: dict[int, int], portion: array[int]) -> None:
    """Add the bytes of each combination of categories in one portion of a scan."""
    kinds = portion[2::3]
    if kinds.count(kinds[0]) == len(kinds):
        size = sum(portion[1::3]) - sum(portion[::3])
        sizes[kinds[0]] = sizes.get(kinds[0], 0) + size
        return
    for start, end, kind in zip(portion[::3], portion[1::3], kinds, strict=True):
        sizes[kind] = sizes.get(kind, 0) + end - start


def count(
    source: Scannable,
    start: int,
    end: int,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None,
) -> PageCounts:
    """The pages of `[start, end)` by category.

    Args:
        source: What to scan.
        start: First address, page-aligned, in bytes.
        end: First address after it.
        cancelled: Asked every few milliseconds; True ends it with an error.
        progress: Told as often the address reached.

    Raises:
        The errors of `Scannable.scan`.
    """
    if start >= source.address_limit > 0:
        return UNKNOWN
    sizes: dict[int, int] = {}
    for portion in source.scan(ScanRequest(start, end, cancelled=cancelled, progress=progress)):
        add_sizes(sizes, portion)
    return Tally(source.categories).counts(sizes)


def count_vmas(
    source: Scannable,
    space: AddressSpace,
    start: int = 0,
    end: int | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[tuple[int, int, PageCounts]]:
    """The pages of each VMA by category, in one scan over all of them.

    Regions reach over VMA borders, so VMAs and regions are merged as they come: 65,530 VMAs need a few dozen calls.

    Args:
        source: What to scan.
        space: Its VMAs.
        start: First address, in bytes.
        end: First address after it, or None for the end of the last VMA.
        cancelled: Asked every few milliseconds; True ends it with an error.

    Yields:
        For each VMA, or the part of it in the range: start, end, counts.

    Raises:
        The errors of `Scannable.scan`.
    """
    index, stop = (space.first_ending_after(start), len(space) if end is None else space.first_starting_at(end))
    if index >= stop:
        return
    top = space.ends[stop - 1] if end is None else min(end, space.ends[stop - 1])
    low, high = max(start, space.starts[index]), min(top, space.ends[index])
    counts = Tally(source.categories).counts
    limit = source.address_limit
    sizes: dict[int, int] = {}
    for portion in source.scan(ScanRequest(low, top, cancelled=cancelled)):
        words = iter(portion)
        for begin, finish, kind in zip(words, words, words, strict=True):
            while begin < finish:
                while high <= begin:
                    yield low, high, counts(sizes)
                    sizes = {}
                    index += 1
                    if index >= stop:
                        return
                    low, high = space.starts[index], min(top, space.ends[index])
                # What lies in no VMA was mapped after the maps were read.
                begin = max(begin, low)
                until = min(finish, high)
                if begin < until:
                    sizes[kind] = sizes.get(kind, 0) + until - begin
                    begin = until
                else:
                    break
    while index < stop:
        yield low, high, counts(sizes) if low < limit else UNKNOWN
        sizes = {}
        index += 1
        if index < stop:
            low, high = space.starts[index], min(top, space.ends[index])
