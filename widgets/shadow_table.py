"""The shadow table: what the same lookups would have cost under every policy, with bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.strip import Strip

from widgets.line_widget import LineWidget
from widgets.numbers import count, percent
from widgets.text import fit

if TYPE_CHECKING:
    from collections.abc import Sequence

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one policy costs.

    Attributes:
        policy: Its name.
        current: Whether it is the one in use.
        fills: Windows read.
        preads: System calls.
        entries: Entries read.
        hit_rate: Hits per lookup, None without lookups.
    """

    policy: str
    current: bool
    fills: int
    preads: int
    entries: int
    hit_rate: float | None


class ShadowTable(LineWidget):
    """One row a policy."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "shadow--title",
        "shadow--current",
        "shadow--preads",
        "shadow--entries",
        "shadow--dim",
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._costs: Sequence[Cost] = ()
        self._title = "shadows: they never read"

    def show(self, costs: Sequence[Cost], title: str | None = None) -> None:
        """Draw these costs."""
        title = title or self._title
        if (costs, title) != (self._costs, self._title):
            self._costs, self._title = costs, title
            self.refresh()

    def line_strip(self, y: int, width: int) -> Strip:
        """The heading, or one policy."""
        bar = max(4, (width - 64) // 2)
        if y == 0:
            heading = f"{'policy':<16}{'hit rate':>8}{'fills':>9}{'preads':>9} {'':<{bar}}{'entries':>12}"
            return Strip([Segment(fit(f"{heading}  {self._title}", width), self.component("shadow--title"))])
        if y > len(self._costs):
            return Strip([])
        cost = self._costs[y - 1]
        most = max((c.preads for c in self._costs), default=0)
        largest = max((c.entries for c in self._costs), default=0)
        name = self.component("shadow--current") if cost.current else None
        return Strip(
            [
                Segment(f"{'▸' if cost.current else ' '}{cost.policy:<15}", name),
                Segment(f"{percent(cost.hit_rate):>8}{count(cost.fills):>9}{count(cost.preads):>9} ", name),
                Segment(bar_of(cost.preads, most, bar), self.component("shadow--preads")),
                Segment(f"{count(cost.entries):>12} ", name),
                Segment(bar_of(cost.entries, largest, bar), self.component("shadow--entries")),
            ]
        )


def bar_of(value: int, most: int, width: int) -> str:
    """A bar of `width` cells in eighths of a cell; what is not nothing is at least one eighth."""
    eighths = value * width * 8 // most if most else 0
    if value and width:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)
