"""What a cache did, as a bounded log: the seed's debug lines and more."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RING: Final = 10_000
"""Events kept."""

KINDS: Final = ("hit", "miss", "fill", "evict", "invalidate", "refresh", "short-read", "error")


@dataclass(slots=True)
class Event:
    """One thing that the cache did.

    Attributes:
        seq: Its number since the cache was made, from 1.
        time: When, in seconds of the cache's clock.
        kind: One of `KINDS`; consecutive hits in one window are one event, a hit run.
        start: First address it is about.
        end: First address after it.
        reason: For a miss `cold`, `evicted`, `expired` or `invalidated`; else what there is to say.
        count: Lookups of a hit run; 1 for all others.
        window: Number of the window it is about, if it is about one.
        vmas: For a fill, VMAs that the window touches.
        covered: For a fill, bytes of the window that lie in VMAs.
        gap: For a fill, bytes that lie in none.
        preads: For a fill, system calls made.
        microseconds: For a fill, the time it took.
    """

    seq: int
    time: float
    kind: str
    start: int
    end: int
    reason: str = ""
    count: int = 1
    window: int | None = None
    vmas: int | None = None
    covered: int | None = None
    gap: int | None = None
    preads: int | None = None
    microseconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The event as JSON-ready values; addresses as hexadecimal strings, what does not apply left out."""
        values: dict[str, Any] = {
            "event": self.kind,
            "seq": self.seq,
            "time": round(self.time, 6),
            "start": f"{self.start:#x}",
            "end": f"{self.end:#x}",
        }
        if self.reason:
            values["reason"] = self.reason
        if self.kind == "hit":
            values["count"] = self.count
        for name in ("window", "vmas", "covered", "gap", "preads", "microseconds"):
            value = getattr(self, name)
            if value is not None:
                values[name] = round(value, 3) if isinstance(value, float) else value
        return values


class EventLog:
    """The last events, oldest first."""

    def __init__(self, size: int = RING) -> None:
        self._ring: deque[Event] = deque(maxlen=size)
        self._run: Event | None = None
        self.total = 0
        """Events since the beginning, also those that have left the ring."""

    def add(self, time: float, kind: str, start: int, end: int, reason: str = "", **facts: Any) -> Event:
        """Append an event."""
        self._run = None
        self.total += 1
        event = Event(self.total, time, kind, start, end, reason, **facts)
        self._ring.append(event)
        return event

    def hit(self, clock: Callable[[], float], start: int, end: int, count: int, window: int) -> None:
        """Count `count` hits on pages `[start, end)` of a window, joined to the run under way if it is the same's.

        It is called at every lookup, so the usual case does nothing but count; the time is that of the run's beginning.
        """
        run = self._run
        if run is not None and run.window == window:
            run.count += count
            if start < run.start:
                run.start = start
            if end > run.end:
                run.end = end
            return
        self.total += 1
        # By position: with hits in ever other windows this is what a lookup pays most for.
        self._run = Event(self.total, clock(), "hit", start, end, "", count, window)
        self._ring.append(self._run)

    def __len__(self) -> int:
        """Events in the ring."""
        return len(self._ring)

    def __iter__(self) -> Iterator[Event]:
        """The events, oldest first."""
        return iter(self._ring)

    def since(self, seq: int) -> list[Event]:
        """The events after number `seq`, oldest first."""
        fresh: list[Event] = []
        for event in reversed(self._ring):
            if event.seq <= seq:
                break
            fresh.append(event)
        return fresh[::-1]

    def clear(self) -> None:
        """Empty the ring; numbering goes on."""
        self._ring.clear()
        self._run = None
