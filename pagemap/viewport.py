"""The rows that are visible: each is looked up once, when it becomes visible.

The explorer's page list and the walks of `pagelens cache` scroll the same `Viewport`, so they count the same.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from pagemap.errors import NotWalkableError, PagelensError, ReadFailedError, TargetGoneError
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pagemap.cache import PagemapCache
    from pagemap.vma import AddressSpace

_NOT_WALKABLE: Final = "not walkable"


@dataclass(slots=True)
class PageRow:
    """One visible row.

    Attributes:
        number: Its row number in the address space.
        vma: Index of its VMA.
        address: The page's address; for a header the VMA's start.
        header: Whether it is a VMA's header.
        word: The page's entry; None for a header, and for a page that is not resolved.
        lookup: `hit` or `miss`, empty while it is not resolved.
        reason: For a miss its reason; for an unresolved page why it is not.
        changed: Whether the last refresh gave another entry than the one before.
    """

    number: int
    vma: int
    address: int
    header: bool
    word: int | None = None
    lookup: str = ""
    reason: str = ""
    changed: bool = False


class Viewport:
    """A window-sized part of the one list over the address space.

    Args:
        cache: Where entries are looked up.

    Attributes:
        top: The first visible row's number.
        height: Rows that fit.
        rows: The visible rows, fewer than `height` at the end of the list.
        error: Why the target could not be read the last time it was tried; None while all is well.
        looked_up: The ranges whose pages the last call looked up, in order.
        refreshed: The ranges that the last refresh re-read.
    """

    def __init__(self, cache: PagemapCache) -> None:
        self.cache = cache
        self.top = 0
        self.height = 0
        self.rows: list[PageRow] = []
        self.error: PagelensError | None = None
        self.looked_up: list[tuple[int, int]] = []
        self.refreshed: list[tuple[int, int]] = []

    @property
    def space(self) -> AddressSpace:
        """The cache's address space."""
        return self.cache.space

    def show(self, top: int, height: int) -> list[PageRow]:
        """Make the `height` rows from `top` on the visible ones; those that were not visible are looked up.

        Never raises for the target's sake: rows that could not be resolved say why, and `error` is set.
        """
        known = {row.number: row for row in self.rows}
        self.top, self.height = top, height
        self.rows = [
            known.get(row.number) or PageRow(row.number, row.vma, row.address, row.header)
            for row in self.space.rows(top, height)
        ]
        self._resolve([row for row in self.rows if row.number not in known and not row.header])
        return self.rows

    def retry(self) -> None:
        """Look up again the visible rows that a failure left unresolved."""
        self.error = None
        self._resolve([row for row in self.rows if row.word is None and not row.header])

    def switch(self, cache: PagemapCache) -> None:
        """Go on with another cache over the same address space; the visible rows are looked up in it."""
        self.cache = cache
        self._restart(self.top)

    def move_to(self, space: AddressSpace, changed: list[tuple[int, int]]) -> None:
        """Follow the target to new maps: the top row stays on its address, rows of changed VMAs are looked up again.

        Args:
            space: The VMAs now; the cache has them already.
            changed: Byte ranges of the VMAs that changed, as `PagemapCache.set_space` gives them.
        """
        kept = {row.address: row for row in self.rows if not row.header and not _holds(changed, row.address)}
        anchor = self.rows[0] if self.rows else None
        top = self.top
        if anchor is not None:
            top = space.row_near(anchor.address)
            index = space.find(anchor.address)
            if anchor.header and index is not None and space.starts[index] == anchor.address:
                top = space.row_of_vma(index)
        self.top = max(0, min(top, space.row_count - self.height))
        self.rows = []
        for row in space.rows(self.top, self.height):
            old = None if row.header else kept.get(row.address)
            if old is not None:
                old.number, old.vma = row.number, row.vma
            self.rows.append(old or PageRow(row.number, row.vma, row.address, row.header))
        self.retry()

    def refresh(self) -> None:
        """Read the visible pages again, as refreshes: no lookup is counted. Rows whose entry changed are marked."""
        pages = {row.address: row for row in self.rows if not row.header and row.word is not None}
        self.refreshed = list(_runs(pages))
        try:
            pieces = self.cache.refresh(self.refreshed)
        except (TargetGoneError, ReadFailedError) as exc:
            self.error = exc
            return
        if self.refreshed:
            self.error = None
        for start, entries in pieces:
            for i, word in enumerate(entries):
                row = pages[start + i * PAGE_SIZE]
                row.changed = word != row.word
                row.word = word

    def _restart(self, top: int) -> None:
        self.rows = []
        self.error = None
        self.show(top, self.height)

    def _resolve(self, rows: list[PageRow]) -> None:
        pages = {row.address: row for row in rows}
        self.looked_up = []
        if rows:
            self.error = None
        try:
            for start, end in _runs(pages):
                self._look_up(start, end, pages)
        except (TargetGoneError, ReadFailedError) as exc:
            self.error = exc
            for row in rows:
                if row.word is None and not row.reason:
                    # What pagemap never covers is not what the target's end took away.
                    beyond = self.space.vma(row.vma).kind == "vsyscall"
                    row.reason = _NOT_WALKABLE if beyond else str(exc)

    def _look_up(self, start: int, end: int, pages: dict[int, PageRow]) -> None:
        try:
            for served in self.cache.lookup_range(start, end):
                self._note(served.start, served.end)
                for i, word in enumerate(served.entries):
                    row = pages[served.start + i * PAGE_SIZE]
                    row.word = word
                    row.lookup = "miss" if served.missed and i == 0 else "hit"
                    row.reason = served.missed if i == 0 else ""
        except NotWalkableError:
            for address in range(start, end, PAGE_SIZE):
                if pages[address].word is None:
                    pages[address].reason = _NOT_WALKABLE

    def _note(self, start: int, end: int) -> None:
        if self.looked_up and self.looked_up[-1][1] == start:
            start = self.looked_up.pop()[0]
        self.looked_up.append((start, end))


def _holds(ranges: list[tuple[int, int]], address: int) -> bool:
    """Whether one of the ranges, which are in order and disjoint, holds the address."""
    index = bisect_right(ranges, address, key=itemgetter(0)) - 1
    return index >= 0 and address < ranges[index][1]


def _runs(pages: dict[int, PageRow]) -> Iterator[tuple[int, int]]:
    """The pages, which are in order, as ranges of adjacent ones in one VMA."""
    by_run = groupby(enumerate(pages.values()), key=lambda pair: (pair[1].vma, pair[1].address - pair[0] * PAGE_SIZE))
    for _, pairs in by_run:
        run = [row for _, row in pairs]
        yield run[0].address, run[-1].address + PAGE_SIZE
