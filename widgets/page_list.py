"""The page list: one row a page, a header row where each VMA begins, the cache's windows in the gutter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from rich.segment import Segment

from pagemap import entry as bits
from pagemap.entry import decode
from pagemap.state import PageState, Visibility, classify
from widgets.flags import flags
from widgets.numbers import count, size
from widgets.text import clean, fit
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from rich.style import Style

    from pagemap.viewport import PageRow
    from pagemap.vma import Vma
    from pagemap.window import Window

WINDOW_COLOURS: Final = 6
"""Windows take turns with this many colours."""

_STATE_ROLES: Final = (
    *("absent", "zero", "anonymous", "cow", "file"),
    *("shared", "huge", "swapped", "marker", "poison"),
)
_GUTTER: Final = {
    # (window begins at this row, ends at this row): drawn by shape, so that it can be read without colour.
    (True, True): "╺━",
    (True, False): "┏━",
    (False, False): "┃ ",
    (False, True): "┗━",
}
_MARKS: Final = {"miss": "●", "hit": "·", "": "?"}
_HEADINGS: Final = "win address        state            PFN or swap slot flags   raw entry"


@dataclass(frozen=True, slots=True)
class PageLine:
    """All that one row shows.

    Attributes:
        row: The row.
        vma: Its VMA.
        window: The held window that has this page; for a header the one that runs across it.
        begins: Whether the window begins at this row.
        ends: Whether it ends at this row.
        gap: For a header, bytes of gap before the VMA.
    """

    row: PageRow
    vma: Vma
    window: Window | None
    begins: bool = False
    ends: bool = False
    gap: int = 0


class PageModel(Protocol):
    """What the page list draws."""

    @property
    def row_count(self) -> int:
        """Rows of the whole list."""

    @property
    def sight(self) -> Visibility:
        """What of the entries this user can see."""

    def show(self, top: int, height: int) -> None:
        """Make these the visible rows, looking up the new ones."""

    def line(self, number: int) -> PageLine | None:
        """The visible row with this number, None if it is not visible."""


class PageList(VirtualList):
    """The pages of the target, resolved as they become visible."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "page--vma",
        "page--dim",
        "page--raw",
        "page--miss",
        "page--changed",
        *(f"page--window-{n}" for n in range(WINDOW_COLOURS)),
        *(f"page--{role}" for role in _STATE_ROLES),
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.empty_text = "no process chosen: select one in the process list and press enter"
        self._model: PageModel | None = None

    def set_model(self, model: PageModel | None) -> None:
        """Draw another target, from its first row."""
        self._model = model
        self.set_rows(model.row_count if model else 0, top=0, cursor=0, reload=True)

    def viewport_changed(self, top: int, height: int) -> None:
        """Rows have become visible: they are looked up now, before the frame is painted."""
        if self._model is not None:
            self._model.show(top, height)

    def header_segments(self, width: int) -> list[Segment]:
        """The names of the columns."""
        return [Segment(fit(_HEADINGS, width))]

    def row_segments(self, number: int, width: int) -> list[Segment]:
        """One row."""
        line = self._model.line(number) if self._model is not None else None
        if line is None or self._model is None:
            return []
        if line.row.header:
            return [self._gutter(line), *self._header(line, width - 4)]
        return [self._gutter(line), *self._page(line, self._model.sight)]

    def _gutter(self, line: PageLine) -> Segment:
        window = line.window
        if window is None:
            return Segment("  ")
        style = self.component(f"page--window-{window.number % WINDOW_COLOURS}")
        return Segment(_GUTTER[line.begins, line.ends], style)

    def _header(self, line: PageLine, width: int) -> list[Segment]:
        vma = line.vma
        text = (
            f"▾ {vma.start:012x}-{vma.end:012x} {vma.perms} {size(vma.size):>6} {count(vma.pages):>5} pages {vma.kind}"
        )
        gap = f" gap {size(line.gap)} before" if line.gap else ""
        room = max(0, width - len(text) - len(gap))
        name = fit(" " + clean(vma.path), room) if room > 3 else ""
        return [
            Segment(" "),
            Segment(text + name, self.component("page--vma")),
            Segment(gap, self.component("page--dim")),
        ]

    def _page(self, line: PageLine, sight: Visibility) -> list[Segment]:
        row = line.row
        mark = Segment(_MARKS[row.lookup], self.component("page--miss") if row.lookup == "miss" else self._dim)
        address = f" {row.address:#014x} "
        if row.word is None:
            why = row.reason or "not resolved yet"
            text = f"{PageState.NOT_WALKABLE.facts.glyph} {why}" if line.vma.kind == "vsyscall" else f"? {why}"
            return [mark, Segment(address), Segment(clean(text), self._dim)]
        facts = classify(row.word, sight, line.vma.kind).facts
        state = self.component(f"page--{facts.colour}")
        raw = self.component("page--changed") if row.changed else self._dim
        return [
            mark,
            Segment(address),
            Segment(f"{facts.glyph} {facts.name:<13} ", state),
            Segment(f"{self._frame(row.word, sight):>14} ", state),
            Segment(flags(row.word) + " "),
            Segment(f"{row.word:#018x}", raw),
        ]

    @property
    def _dim(self) -> Style:
        return self.component("page--dim")

    @staticmethod
    def _frame(word: int, sight: Visibility) -> str:
        """The PFN or the swap slot, as far as it can be seen."""
        entry = decode(word, pfn_visible=sight.pfn)
        if entry.present:
            return "PFN hidden" if entry.pfn is None else f"{entry.pfn:#x}"
        if entry.swapped:
            if entry.swap_type is None:
                return "slot hidden"
            # A page-table marker is no slot of any swap file: its number says what it marks.
            marker = entry.swap_type == bits.MARKER_TYPE
            return f"marker {entry.swap_offset}" if marker else f"{entry.swap_type}:{entry.swap_offset:#x}"
        return "-"
