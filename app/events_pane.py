"""The event list of the session's cache: filtered, searched, and followed to the pages it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pagemap.events import KINDS
from widgets.event_list import EventList, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.session import Session
    from pagemap.events import Event


class EventsPane(EventList):
    """What the cache in use did: those events that the filter leaves."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.filter_text = ""
        self._session: Session | None = None
        self._drawn: tuple[object, int, str] | None = None

    def set_session(self, session: Session) -> None:
        """Show another target's events."""
        self._session = session
        self._drawn = None
        self.update_events()

    def update_events(self) -> None:
        """Take up what has happened since; costs nothing while the pane is hidden or nothing has."""
        if self._session is None or not self.display:
            return
        log = self._session.cache.events
        state = (log, log.total, self.filter_text)
        if state == self._drawn and not self.following:
            return
        self._drawn = state
        fits = _test(self.filter_text)
        events = [event for event in log if fits(event)]
        self.title = f"Events: {self.filter_text}" if self.filter_text else "Events"
        self.set_events(events, self._session.began)

    def filter(self, text: str) -> None:
        """Show only events in which every word fits: a kind, or a part of the address or of what is said."""
        self.filter_text = text
        self.update_events()


def _test(text: str) -> Callable[[Event], bool]:
    """A word that is a kind (or several, joined by commas) chooses kinds; other words are searched for."""
    kinds: set[str] = set()
    words = []
    for word in text.lower().split():
        named = set(word.split(","))
        if named <= set(KINDS):
            kinds |= named
        else:
            words.append(word)
    if not kinds and not words:
        return lambda event: True

    def fits(event: Event) -> bool:
        if kinds and event.kind not in kinds:
            return False
        told = f"{event.kind} {event.start:#x} {event.end:#x} {tell(event)}".lower()
        return all(word in told for word in words)

    return fits
