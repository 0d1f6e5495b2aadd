"""The VMA list of the session: filtered and sorted as the person wishes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from textual.message import Message
from textual.worker import get_current_worker

from pagemap.errors import PagelensError, UsageError
from pagemap.page_counts import count
from pagemap.vma_select import SORTS, select
from widgets.vma_list import Share, VmaList

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from app.session import Session
    from pagemap.vma import Vma

Range = tuple[int, int]
"""Start and end of a VMA, in bytes."""

_REST: Final = 20
"""Counting rests this many times as long as it took: dense terabytes are not walked every second."""


class VmaPane(VmaList):
    """The target's VMAs: those that the filter leaves, in the order asked for.

    Present and swapped pages are counted in a thread, for the visible rows only.
    """

    @dataclass
    class Counted(Message):
        """Some VMAs' pages were counted."""

        session: Session
        """Whose they are."""
        shares: dict[Range, Share]
        """What was counted, by start and end."""
        seconds: float
        """How long it took."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.filter_text = ""
        self._session: Session | None = None
        self._order: array[int] | None = None
        self._shares: dict[Range, Share] = {}
        self._rest_until = 0.0

    def set_session(self, session: Session) -> None:
        """Show another target's VMAs, all of them by address."""
        self._session = session
        self._shares.clear()
        self._rest_until = 0.0
        self.filter_text = ""
        self.sorted_by, self.descending = "address", False
        self._arrange()
        self.set_model(self)

    def maps_changed(self) -> None:
        """The target's maps are others now: choose anew among them."""
        self._arrange()
        self.set_rows(self.count, reload=True)

    # The model that the list draws is the pane itself.

    @property
    def count(self) -> int:
        """VMAs that are left."""
        if self._session is None:
            return 0
        return len(self._session.space) if self._order is None else len(self._order)

    def index(self, row: int) -> int:
        """The index in the address space of the VMA in a row."""
        return row if self._order is None else self._order[row]

    def vma(self, row: int) -> Vma:
        """The VMA in a row."""
        assert self._session is not None, "rows exist only with a session"
        return self._session.space.vma(self.index(row))

    def share(self, vma: Vma) -> Share | None:
        """Its present and swapped pages as last counted, None while they are not."""
        return self._shares.get((vma.start, vma.end))

    def viewport_changed(self, top: int, height: int) -> None:
        """Other VMAs are visible: count those that have not been counted yet."""
        self._count(new_only=True)

    def recount(self) -> None:
        """Count the pages of the visible VMAs again, unless the last count took so long that it must rest."""
        if time.monotonic() >= self._rest_until:
            self._count(new_only=False)

    def _count(self, *, new_only: bool) -> None:
        session = self._session
        if session is None or session.ended or not self.is_mounted:
            return
        rows = range(self.top, min(self.top + self.page_height, self.count))
        space = session.space
        ranges = [(space.starts[i], space.ends[i]) for i in map(self.index, rows)]
        wanted = [r for r in ranges if not new_only or r not in self._shares]
        if wanted:
            # Kept are the visible ones: what is held follows the screen.
            self._shares = {r: self._shares[r] for r in ranges if r in self._shares}
            self.run_worker(lambda: self._count_ranges(session, wanted), thread=True, exclusive=True, group="shares")

    def _count_ranges(self, session: Session, ranges: Sequence[Range]) -> None:
        worker = get_current_worker()
        began = time.monotonic()
        shares = {}
        for start, end in ranges:
            try:
                counts = count(session.source, start, end, cancelled=lambda: worker.is_cancelled)
            except PagelensError:
                # Cancelled, or the target has gone; the clock finds the latter out and says so.
                return
            shares[start, end] = Share(counts.present, counts.swapped)
        self.post_message(self.Counted(session, shares, time.monotonic() - began))

    def on_vma_pane_counted(self, message: Counted) -> None:
        """Show what was counted."""
        message.stop()
        if message.session is self._session:
            self._rest_until = time.monotonic() + _REST * message.seconds
            if any(self._shares.get(r) != share for r, share in message.shares.items()):
                self._shares.update(message.shares)
                self.refresh()

    def follow(self, index: int) -> None:
        """Put the cursor on the VMA with this index, if the filter leaves it."""
        if self._order is None:
            self.move_cursor(index)
            return
        try:
            self.move_cursor(self._order.index(index))
        except ValueError:
            return

    # Filter and order.

    def filter(self, text: str) -> None:
        """Show only VMAs in which every word fits; see `pagemap.vma_select.select`.

        Raises:
            UsageError: A word makes no sense; the list stays as it was.
        """
        before, self.filter_text = self.filter_text, text
        try:
            self._arrange()
        except UsageError:
            self.filter_text = before
            raise
        self.set_rows(self.count, top=0, cursor=0, reload=True)

    def sort_by(self, column: str) -> None:
        """Sort by a column; by the same again, turn the order round."""
        if column == self.sorted_by:
            self.descending = not self.descending
        else:
            self.sorted_by, self.descending = column, column == "size"
        self._arrange()
        self.set_rows(self.count, top=0, cursor=0, reload=True)

    def sort_next(self) -> None:
        """Sort by the column after the present one."""
        self.sort_by(SORTS[(SORTS.index(self.sorted_by) + 1) % len(SORTS)])

    def reverse(self) -> None:
        """Turn the order round."""
        self.sort_by(self.sorted_by)

    def on_vma_list_sort_by(self, message: VmaList.SortBy) -> None:
        """Sort by the column that was clicked."""
        message.stop()
        self.sort_by(message.column)

    def _arrange(self) -> None:
        if self._session is None:
            return
        self._order = select(self._session.space, self.filter_text, self.sorted_by, descending=self.descending)
        self.title = f"VMAs: {self.filter_text}" if self.filter_text else "VMAs"
