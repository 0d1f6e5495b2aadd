"""The cache panel: policy, counters, the held windows as rulers, and what the last fill was for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.strip import Strip

from widgets.line_widget import LineWidget
from widgets.numbers import count, duration, percent, size
from widgets.page_list import WINDOW_COLOURS
from widgets.ruler import Cell
from widgets.text import clean, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pagemap.counters import Counters

_SPARKS: Final = "▁▂▃▄▅▆▇█"
_LABEL: Final = 5
HISTORY: Final = 60
"""Ticks that the sparkline shows at most."""


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """What the panel shows, all of one moment.

    Attributes:
        policy: The policy's name.
        settings: Window size and number of windows, in words.
        held: Windows held now.
        counters: The counters; not changed any more once handed over.
        live: How the refresh stands: `live, every 1 s`, `paused`, or what became of the target.
        oldest: Age of the oldest held window in seconds, None without windows.
        near: The ruler around the visible rows.
        near_label: What stretch that is.
        whole: The ruler over everything mapped.
        whole_label: What that is.
        story: The last miss and fill in one line.
        history: Hits and misses of the last ticks, oldest first.
    """

    policy: str
    settings: str
    held: int
    counters: Counters
    live: str
    oldest: float | None
    near: Sequence[Cell]
    near_label: str
    whole: Sequence[Cell]
    whole_label: str
    story: str
    history: Sequence[tuple[int, int]]


class CachePanel(LineWidget):
    """The counters of the cache in use, and its windows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "panel--title",
        "panel--label",
        "panel--number",
        "panel--miss",
        "panel--hit",
        "panel--dim",
        "panel--view",
        *(f"panel--window-{n}" for n in range(WINDOW_COLOURS)),
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts: CacheFacts | None = None

    @property
    def ruler_width(self) -> int:
        """Cells that a ruler has."""
        return max(10, self.size.width - _LABEL - 1)

    def show(self, facts: CacheFacts | None) -> None:
        """Draw these facts."""
        if facts != self._facts:
            self._facts = facts
            self.refresh()

    def line_strip(self, y: int, width: int) -> Strip:
        """One line of the panel."""
        facts = self._facts
        if facts is None:
            return Strip(
                [Segment(fit("Cache" if y == 0 else "", width), self.component("panel--title"))] if y == 0 else []
            )
        makers = (self._title, self._lookups, self._fills, self._near, self._whole)
        return Strip(makers[y](facts, width) if y < len(makers) else self._story(facts, width, y - len(makers)))

    def _title(self, facts: CacheFacts, width: int) -> list[Segment]:
        held = f"{count(facts.held)} held"
        if facts.oldest is not None:
            held += f", oldest {duration(facts.oldest)}"
        left = f"Cache  {facts.policy}: {facts.settings}, {held}"
        right = facts.live
        text = fit(left, max(0, width - len(right) - 1)) + " " + right
        return [Segment(fit(text, width), self.component("panel--title"))]

    def _pairs(self, width: int, *pairs: tuple[str, str, str]) -> list[Segment]:
        """Label and number, label and number, as many as fit; the third of each is the number's style."""
        segments: list[Segment] = []
        for label, number, style in pairs:
            width -= len(label) + len(number) + 3
            if width < -2:
                break
            segments.append(Segment(f"{label} ", self.component("panel--label")))
            segments.append(Segment(f"{number}  ", self.component(f"panel--{style}")))
        return segments

    def _lookups(self, facts: CacheFacts, width: int) -> list[Segment]:
        c = facts.counters
        reasons = [(name, getattr(c, name)) for name in ("cold", "evicted", "expired", "invalidated")]
        why = ", ".join(f"{name} {count(n)}" for name, n in reasons if n)
        segments = self._pairs(
            width,
            ("lookups", count(c.lookups), "number"),
            ("hits", count(c.hits), "hit"),
            ("misses", count(c.misses) + (f" ({why})" if why else ""), "miss"),
            ("rate", percent(c.hit_rate), "number"),
        )
        room = width - sum(len(s.text) for s in segments)
        return [*segments, Segment(sparkline(facts.history, min(room, HISTORY)), self.component("panel--miss"))]

    def _fills(self, facts: CacheFacts, width: int) -> list[Segment]:
        c = facts.counters
        pairs = [
            ("fills", count(c.fills), "number"),
            ("preads", count(c.preads), "number"),
            ("read", size(c.bytes_read), "number"),
            ("used", f"{count(c.entries_used)}/{count(c.entries_read)}", "number"),
            ("evicted", count(c.evictions), "number"),
            ("refreshes", count(c.refreshes), "number"),
            ("fill", duration(c.last_fill_seconds), "number"),
            ("median", duration(c.median_fill_seconds), "number"),
            ("efficiency", percent(c.efficiency), "number"),
        ]
        if c.failed_fills:
            pairs.insert(1, ("failed", count(c.failed_fills), "miss"))
        return self._pairs(width, *pairs)

    def _near(self, facts: CacheFacts, width: int) -> list[Segment]:
        return self._ruler("near", facts.near, width)

    def _whole(self, facts: CacheFacts, width: int) -> list[Segment]:
        return self._ruler("all", facts.whole, width)

    def _ruler(self, label: str, cells: Sequence[Cell], width: int) -> list[Segment]:
        segments = [Segment(f"{label:<{_LABEL}}", self.component("panel--label"))]
        for (visible, window), run in groupby(cells[: width - _LABEL], key=lambda cell: (cell.visible, cell.window)):
            if visible:
                style = self.component("panel--view")
            elif window is None:
                style = self.component("panel--dim")
            else:
                style = self.component(f"panel--window-{window % WINDOW_COLOURS}")
            segments.append(Segment("".join(cell.glyph for cell in run), style))
        return segments

    def _story(self, facts: CacheFacts, width: int, line: int) -> list[Segment]:
        """The story in as many lines as the panel has left."""
        room = max(1, self.size.height - 5)
        lines = wrap(clean(facts.story), max(20, width), max_lines=room, placeholder=" …")
        return [Segment(lines[line], self.component("panel--dim"))] if line < len(lines) else []


def sparkline(history: Sequence[tuple[int, int]], width: int) -> str:
    """Misses over time, the newest at the right: one character a tick, a blank where nothing was looked up."""
    ticks = list(history)[-width:] if width > 0 else []
    top = max((misses for _, misses in ticks), default=0)
    marks = []
    for hits, misses in ticks:
        if not hits and not misses:
            marks.append(" ")
        else:
            marks.append(_SPARKS[misses * (len(_SPARKS) - 1) // top] if top else _SPARKS[0])
    return "".join(marks)
