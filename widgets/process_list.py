"""The process list: which processes there are, and why some cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.message import Message

from widgets.numbers import size
from widgets.text import clean, fit
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pagemap.process import ProcessInfo

SORT_COLUMNS: Final = ("pid", "user", "name", "rss", "swap")
"""The columns, each of which the list can be sorted by."""
_WIDE: Final = 44
"""Cells from which there is room for the user."""
_NARROW: Final = 28
"""Cells below which there is room for PID and name only."""
_NAME: Final = 8
_NAME_AND_REASON: Final = 16


class ProcessList(VirtualList):
    """The processes of this machine."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"process--dim", "process--reason", "process--current"}

    @dataclass
    class SortBy(Message):
        """A column heading was clicked."""

        column: str
        """One of `SORT_COLUMNS`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.empty_text = "reading the process list…"
        # The processes with memory to look at come first, not the kernel threads.
        self.sorted_by = "rss"
        self.descending = True
        self.current: int | None = None
        self._processes: Sequence[ProcessInfo] = ()

    def set_processes(self, processes: Sequence[ProcessInfo]) -> None:
        """Draw these, in this order; the cursor stays on its process."""
        before = self.process_at(self.cursor)
        self._processes = processes
        self.empty_text = "no process matches"
        row = None
        if before is not None:
            row = next((i for i, info in enumerate(processes) if info.pid == before.pid), None)
        self.set_rows(len(processes), cursor=row, reload=True)

    def process_at(self, row: int) -> ProcessInfo | None:
        """The process in a row, or None."""
        return self._processes[row] if 0 <= row < len(self._processes) else None

    def _columns(self, width: int) -> list[tuple[str, int]]:
        """Names and widths of the columns that fit; the name takes what is left."""
        before, after = [("pid", 7)], [("rss", 7), ("swap", 6)]
        if width >= _WIDE:
            before.append(("user", 8))
        elif width < _NARROW:
            after.clear()
        room = width - sum(wide + 1 for _, wide in before + after)
        return [*before, ("name", max(4, room)), *after]

    def header_segments(self, width: int) -> list[Segment]:
        """The names of the columns; the one that sorts is marked."""
        cells = []
        for name, wide in self._columns(width):
            label = name.upper() if name in ("pid", "rss") else name.capitalize()
            if name == self.sorted_by:
                label += "▼" if self.descending else "▲"
            cells.append(f"{label:<{wide}}" if name in ("user", "name") else f"{label:>{wide}}")
        return [Segment(fit(" ".join(cells), width))]

    def header_clicked(self, x: int, width: int) -> None:
        """Sort by the column that was clicked."""
        at = 0
        for name, wide in self._columns(width):
            at += wide + 1
            if x < at:
                self.post_message(self.SortBy(name))
                return

    def row_segments(self, number: int, width: int) -> list[Segment]:
        """One process; one that cannot be read is dimmed and says why instead of its sizes."""
        info = self.process_at(number)
        if info is None:
            return []
        text = {
            "pid": f"{info.pid:>7}",
            "user": fit(clean(info.user), 8),
            "rss": f"{size(info.rss):>7}",
            "swap": f"{size(info.swap) if info.swap else '-':>6}",
        }
        columns = self._columns(width)
        if not info.readable:
            return self._unreadable(info, columns, text, width)
        style = self.component("process--current") if info.pid == self.current else None
        text["name"] = fit(clean(info.name), dict(columns)["name"])
        return [Segment(" ".join(text[name] for name, _ in columns), style)]

    def _unreadable(
        self, info: ProcessInfo, columns: list[tuple[str, int]], text: dict[str, str], width: int
    ) -> list[Segment]:
        dim = self.component("process--dim")
        lead = " ".join(text[name] for name, _ in columns[: [name for name, _ in columns].index("name")])
        room = width - len(lead) - 2
        if room < _NAME_AND_REASON:
            return [Segment(f"{lead} {fit(clean(info.name), width - len(lead) - 1)}", dim)]
        reason = clean(info.reason).partition(":")[0][: room - _NAME]
        return [
            Segment(f"{lead} {fit(clean(info.name), room - len(reason))} ", dim),
            Segment(reason, self.component("process--reason")),
        ]
