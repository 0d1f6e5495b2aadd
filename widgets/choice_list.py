"""A short list to choose from, or to read: each row is a few styled pieces of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment

from widgets.text import clean, fit
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from collections.abc import Sequence

Piece = tuple[str, str]
"""Text, and the name of its style: `strong`, `dim`, `plain`."""


class ChoiceList(VirtualList):
    """Rows of text, with a title."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--strong", "choice--dim", "choice--plain"}

    def __init__(self, title: str, rows: Sequence[Sequence[Piece]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._rows = rows

    def on_mount(self) -> None:
        """Show the rows."""
        self.set_rows(len(self._rows), reload=True)

    def set_choices(self, rows: Sequence[Sequence[Piece]]) -> None:
        """Show other rows; the cursor stays."""
        self._rows = rows
        self.set_rows(len(rows), reload=True)

    def header_segments(self, width: int) -> list[Segment]:
        """The title."""
        return [Segment(fit(" " + self._title, width))]

    def row_segments(self, number: int, width: int) -> list[Segment]:
        """One row."""
        return [Segment(clean(text), self.component(f"choice--{style}")) for text, style in self._rows[number]]
