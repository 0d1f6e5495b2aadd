"""The VMA list of the session: filtered and sorted as the person wishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pagemap.errors import UsageError
from pagemap.vma_select import SORTS, select
from widgets.vma_list import VmaList

if TYPE_CHECKING:
    from array import array

    from app.session import Session
    from pagemap.vma import Vma
    from widgets.vma_list import Share


class VmaPane(VmaList):
    """The target's VMAs: those that the filter leaves, in the order asked for."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.filter_text = ""
        self._session: Session | None = None
        self._order: array[int] | None = None
        self._shares: dict[tuple[int, int], Share] = {}

    def set_session(self, session: Session) -> None:
        """Show another target's VMAs, all of them by address."""
        self._session = session
        self._shares.clear()
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
