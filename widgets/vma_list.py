"""The VMA list: one row a VMA, in address order or sorted, of all or of those that a filter leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol

from rich.segment import Segment
from textual.message import Message

from widgets.numbers import size
from widgets.text import clean, fit
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from pagemap.vma import Vma


class Share(NamedTuple):
    """How many of a VMA's pages are present and swapped; None where the kernel cannot tell."""

    present: int | None
    swapped: int | None


class VmaModel(Protocol):
    """What the VMA list draws."""

    @property
    def count(self) -> int:
        """VMAs that the filter leaves."""

    def vma(self, row: int) -> Vma:
        """The VMA in this row."""

    def share(self, vma: Vma) -> Share | None:
        """Its present and swapped pages, None while they are not counted yet."""


_WIDE: Final = 68
"""Cells from which the kind has a column of its own."""


class VmaList(VirtualList):
    """The target's VMAs."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"vma--kind", "vma--dim", "vma--swapped", "vma--present"}

    @dataclass
    class SortBy(Message):
        """A column heading was clicked."""

        column: str
        """`address`, `size`, `perms`, `kind` or `name`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.empty_text = "no VMAs"
        self.title = "VMAs"
        self.sorted_by = "address"
        self.descending = False
        self._model: VmaModel | None = None

    def set_model(self, model: VmaModel | None) -> None:
        """Draw another target's VMAs."""
        self._model = model
        self.set_rows(model.count if model else 0, top=0, cursor=0, reload=True)

    def _columns(self, width: int) -> list[tuple[str, int]]:
        """Names and widths of the columns; where there is little room the kind stands in for a missing name."""
        fixed = [("address", 25), ("perms", 4), ("size", 6), ("kind", 8), ("in", 4), ("swap", 4)]
        if width < _WIDE:
            fixed.remove(("kind", 8))
        room = width - sum(wide + 1 for _, wide in fixed)
        return [*fixed, ("name", max(1, room))]

    def header_segments(self, width: int) -> list[Segment]:
        """The names of the columns, the pane's title over the first; the one that sorts is marked."""
        cells = []
        for name, wide in self._columns(width):
            label = self.title if name == "address" else name[:wide]
            if name == self.sorted_by and (name != "address" or self.descending):
                label = f"{label[: wide - 1]}{'▼' if self.descending else '▲'}"
            cells.append(fit(label, wide, align="right" if name in ("size", "in", "swap") else "left"))
        return [Segment(" ".join(cells))]

    def header_clicked(self, x: int, width: int) -> None:
        """Sort by the column that was clicked."""
        at = 0
        for name, wide in self._columns(width):
            at += wide + 1
            if x < at:
                if name not in ("in", "swap"):
                    self.post_message(self.SortBy(name))
                return

    def row_segments(self, number: int, width: int) -> list[Segment]:
        """One VMA: range, permissions, size, kind, resident and swapped share, name."""
        if self._model is None:
            return []
        vma = self._model.vma(number)
        share = self._model.share(vma)
        columns = dict(self._columns(width))
        present = _share(share.present if share else None, vma.pages)
        swapped = _share(share.swapped if share else None, vma.pages)
        kind = self.component("vma--kind")
        segments = [
            Segment(fit(f"{vma.start:012x}-{vma.end:012x}", 25) + " "),
            Segment(f"{vma.perms} {size(vma.size):>6} "),
            Segment(f"{present:>4} ", self.component("vma--present")),
            Segment(f"{swapped:>4} ", self.component("vma--swapped" if share and share.swapped else "vma--dim")),
        ]
        if "kind" in columns:
            segments.insert(2, Segment(f"{vma.kind[:8]:<8} ", kind))
        if vma.path or "kind" in columns:
            return [*segments, Segment(fit(clean(vma.path), columns["name"], align="tail"))]
        return [*segments, Segment(fit(vma.kind, columns["name"]), kind)]


def _share(pages: int | None, total: int) -> str:
    """Pages as a share of the VMA in four characters; a dot while unknown."""
    if pages is None:
        return "·"
    if not pages:
        return "0%"
    return "<1%" if pages * 100 < total else f"{pages * 100 // total}%"
