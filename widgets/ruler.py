"""The ruler: the windows a cache holds, drawn over a stretch of the address space, one character a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pagemap.vma import AddressSpace
    from pagemap.window import Window

GAP: Final = " "
MAPPED: Final = "─"
HELD: Final = "="
UNUSED: Final = "-"
BEGIN: Final = "["
END: Final = "]"
BOTH: Final = "▮"
VIEW_MAPPED: Final = "┿"
VIEW_HELD: Final = "╪"
LEGEND: Final = f"{BEGIN}{HELD}{UNUSED}{END}"


class Cell(NamedTuple):
    """One character of a ruler."""

    glyph: str
    window: int | None
    """Number of the window in it, for its colour."""
    visible: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """What stretch a ruler covers: `cells` cells of `unit` each from `start` on (bytes, or rows)."""

    start: int
    unit: int
    cells: int

    def at(self, position: int) -> int:
        """The cell in which a position lies; may be outside the ruler."""
        return (position - self.start) // self.unit

    @property
    def end(self) -> int:
        """First position after the ruler."""
        return self.start + self.unit * self.cells


def near_scale(address: int, window: Window | None, width: int) -> Scale:
    """A stretch of bytes around `address` in which its window takes about a third."""
    span = window.end - window.start if window is not None else 2 << 20
    unit = max(PAGE_SIZE, 1 << (max(1, 3 * span // max(1, width)) - 1).bit_length())
    start = max(0, (address // unit - width // 2) * unit)
    return Scale(start, unit, width)


def near(
    space: AddressSpace, windows: Sequence[Window], visible: Sequence[tuple[int, int]], scale: Scale
) -> list[Cell]:
    """The windows around a place, by address.

    Args:
        space: The VMAs.
        windows: The held windows.
        visible: First and last visible address of each VMA of which rows are visible.
        scale: The stretch in bytes.
    """
    cells = [
        Cell(MAPPED if space.mapped_pages(low, low + scale.unit) else GAP, None, visible=False)
        for low in range(scale.start, scale.end, scale.unit)
    ]
    seen = [w for w in windows if w.start < scale.end and scale.start < w.end]
    cells = _draw(cells, [(w.number, w.start, w.end) for w in seen], visible, scale)
    for window in seen:
        _mark_unused(cells, window, scale)
    return cells


def _mark_unused(cells: list[Cell], window: Window, scale: Scale) -> None:
    """Tell the cells of a window of which no entry was looked up from those of which one was."""
    for i in range(max(0, scale.at(window.start)), min(len(cells) - 1, scale.at(window.end - 1)) + 1):
        if cells[i].glyph == HELD:
            low = (scale.start + i * scale.unit - window.start) // PAGE_SIZE
            high = low + max(1, scale.unit // PAGE_SIZE)
            if not window.used.count(1, max(0, low), high):
                cells[i] = cells[i]._replace(glyph=UNUSED)


def whole(space: AddressSpace, windows: Sequence[Window], visible: tuple[int, int], width: int) -> list[Cell]:
    """The windows over everything that is mapped, gaps left out: a cell stands for an equal number of rows.

    Args:
        space: The VMAs.
        windows: The held windows.
        visible: First and last visible row.
        width: Cells.
    """
    scale = Scale(0, max(1, -(-space.row_count // max(1, width))), width)
    used = -(-space.row_count // scale.unit)
    cells = [Cell(MAPPED if i < used else GAP, None, visible=False) for i in range(width)]
    spans = [(w.number, space.row_near(w.start), space.row_near(w.end - PAGE_SIZE) + 1) for w in windows]
    return _draw(cells, spans, [visible], scale)


def _draw(
    cells: list[Cell], spans: Sequence[tuple[int, int, int]], visible: Sequence[tuple[int, int]], scale: Scale
) -> list[Cell]:
    last = len(cells) - 1
    for number, start, end in spans:
        first_cell, last_cell = scale.at(start), scale.at(end - 1)
        for i in range(max(0, first_cell), min(last, last_cell) + 1):
            if first_cell == last_cell:
                glyph = BOTH
            elif i == first_cell:
                glyph = BEGIN
            else:
                glyph = END if i == last_cell else HELD
            cells[i] = Cell(glyph, number, visible=False)
    for low, high in visible:
        for i in range(max(0, scale.at(low)), min(last, scale.at(high)) + 1):
            glyph = VIEW_MAPPED if cells[i].window is None else VIEW_HELD
            cells[i] = Cell(glyph, cells[i].window, visible=True)
    return cells
