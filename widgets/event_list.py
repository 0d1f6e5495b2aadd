"""The event list: what the cache did, newest at the bottom, following until one scrolls up."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment

from widgets.numbers import count, duration, size
from widgets.text import clean, fit
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pagemap.events import Event

_SIGNS: Final = {
    "hit": "·",
    "miss": "●",
    "fill": "▼",
    "evict": "×",
    "invalidate": "!",
    "refresh": "↻",
    "short-read": "<",
    "error": "E",
}


class EventList(VirtualList):
    """Events as rows: number, time, kind, addresses, what there is to say."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"event--{kind}" for kind in _SIGNS} | {"event--dim"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.empty_text = "nothing has happened yet"
        self.title = "Events"
        self.following = True
        self._events: Sequence[Event] = ()
        self._origin = 0.0

    def set_events(self, events: Sequence[Event], origin: float) -> None:
        """Show these, oldest first.

        Args:
            events: The events.
            origin: The time that counts as zero, in seconds of the cache's clock.
        """
        before = self.event_at(self.cursor)
        self._events, self._origin = events, origin
        last = max(0, len(events) - 1)
        if self.following:
            self.set_rows(len(events), top=len(events), cursor=last, reload=True)
            return
        row = None
        if before is not None and events:
            # The ring moves on below a paused view: the row keeps its event as long as that exists. Looked up by its
            # number, for a filter leaves gaps between the numbers.
            row = min(last, bisect_left(events, before.seq, key=lambda event: event.seq))
        top = None if row is None else row - (self.cursor - self.top)
        self.set_rows(len(events), top=top, cursor=row, reload=True)

    def event_at(self, row: int) -> Event | None:
        """The event in a row, or None."""
        return self._events[row] if 0 <= row < len(self._events) else None

    def viewport_changed(self, top: int, height: int) -> None:
        """Scrolling up stops following; scrolling to the end follows again."""
        self.following = top + height >= self.row_count

    def header_segments(self, width: int) -> list[Segment]:
        """The title, and whether the list follows."""
        state = "following" if self.following else "paused: end follows again"
        return [Segment(fit(f"{self.title}  {count(len(self._events))} shown, {state}", width))]

    def row_segments(self, number: int, width: int) -> list[Segment]:
        """One event."""
        event = self.event_at(number)
        if event is None:
            return []
        text = f"{event.start:#014x}-{event.end:#014x} {tell(event)}"
        head = f"{event.seq:>7} {event.time - self._origin:>8.2f}s "
        kind = f"{_SIGNS[event.kind]} {event.kind:<10} "
        return [
            Segment(head, self.component("event--dim")),
            Segment(kind, self.component(f"event--{event.kind}")),
            Segment(fit(clean(text), max(0, width - len(head) - len(kind)))),
        ]


def tell(event: Event) -> str:
    """What there is to say of an event beside its addresses."""
    if event.kind == "hit":
        return f"{count(event.count)} hit{'s' * (event.count != 1)} in window {event.window}"
    if event.kind == "fill":
        took = None if event.microseconds is None else event.microseconds / 1e6
        vmas = f"{count(event.vmas)} VMA{'s' * (event.vmas != 1)}"
        return (
            f"window {event.window}: {vmas}, {size(event.covered)} covered, {size(event.gap)} of gaps, "
            f"{count(event.preads)} pread{'s' * (event.preads != 1)}, {duration(took)}: {event.reason}"
        )
    window = "" if event.window is None else f"window {event.window} "
    return f"{window}{event.reason}".strip()
