"""Browsing: the panes of the explorer, the target they show, and the clock that keeps them up to date."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from textual import events
from textual.containers import Container
from textual.screen import Screen

from app.events_pane import EventsPane
from app.keys import KEYS
from app.models import CacheModel, SessionPages
from app.process_pane import ProcessPane
from app.session import Session
from app.vma_pane import VmaPane
from pagemap.errors import PagelensError
from pagemap.probe import HIDDEN
from widgets.bars import Banner, KeyBar, TextBar
from widgets.cache_panel import CachePanel
from widgets.numbers import count
from widgets.page_list import PageList
from widgets.shadow_table import ShadowTable
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.geometry import Size
    from textual.timer import Timer

    from pagemap.policies import Policy
    from pagemap.process import ProcessInfo
    from pagemap.source import Source
    from pagemap.vma import AddressSpace

MIN_WIDTH: Final = 80
MIN_HEIGHT: Final = 24
WIDE: Final = 120
"""Columns from which the process list stands at the left, over the whole height."""
TALL: Final = 32
"""Lines from which the cache panel has room for the whole story of a window."""
_SHADOW_SECONDS: Final = 0.05
_MANY_VMAS: Final = 2_000
"""VMAs from which the maps are read in a thread: below, reading takes less than handing over."""


class BrowsingScreen(Screen[object]):
    """What the explorer shows and keeps up to date; its keys are those of `ExplorerScreen`."""

    # Focus is given where it belongs, once: each change of it restyles the screen.
    AUTO_FOCUS = ""

    def __init__(
        self,
        source: Source | None,
        policy: Policy,
        *,
        interval: float,
        paused: bool,
        processes: Callable[[], Iterable[ProcessInfo]],
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._source = source
        self._policy = policy
        self._interval = interval
        self._paused = paused
        self._processes = processes
        self._clock = clock
        self.session: Session | None = None
        self._cache: CacheModel | None = None
        self._polling = False
        self._cursor_address: int | None = None
        self._cache_due = False
        self._shadow_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Status, banner, the four panes, keys."""
        yield TextBar(id="status")
        yield Banner(id="gone")
        with Container(id="body"):
            yield ProcessPane(self._processes, id="processes")
            yield VmaPane(id="vmas")
            yield EventsPane(id="events")
            yield PageList(id="pages")
            yield CachePanel(id="cache")
            yield ShadowTable(id="shadows")
        yield TextBar(id="small")
        yield KeyBar(id="keys")
        yield Banner(id="message")

    def on_mount(self) -> None:
        """Fill the panes and start the clock."""
        self._fit(self.app.size)
        self.query_one(KeyBar).show(KEYS)
        if self._source is not None:
            source, self._source = self._source, None
            self._look_at(source)
        else:
            self.query_one(ProcessPane).focus()
        self._show_status()
        self.set_interval(self._interval, self._tick)

    def on_unmount(self) -> None:
        """Let go of the target."""
        if self.session is not None:
            self.session.close()

    def on_resize(self, event: events.Resize) -> None:
        """Arrange the panes for the new size."""
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        """Choose the layout for a size; say so where the terminal is too small.

        It takes effect before the layout, unlike Textual's own breakpoints: a row that is visible for a moment between
        two layouts would be looked up.
        """
        width, height = size
        small = width < MIN_WIDTH or height < MIN_HEIGHT
        classes = {"-small": small, "-wide": width >= WIDE, "-narrow": width < WIDE, "-tall": height >= TALL}
        if any(self.has_class(name) != wanted for name, wanted in classes.items()):
            self.update_classes(classes, update=False)
            self.app.stylesheet.update(self)
        self.query_one("#small", TextBar).show(f"pagelens needs {MIN_WIDTH}×{MIN_HEIGHT}; this is {width}×{height}")

    # The target.

    def open_process(self, pid: int) -> None:
        """Look at another process; if it cannot be read, say why and keep what is shown."""
        from pagemap.live import LiveProcess

        try:
            self._look_at(LiveProcess(pid))
        except PagelensError as exc:
            self._say(str(exc))

    def _look_at(self, source: Source) -> None:
        try:
            session = Session(source, self._policy, interval=self._interval, paused=self._paused, clock=self._clock)
        except PagelensError:
            source.close()
            raise
        if self.session is not None:
            self.session.close()
        self.session = session
        self._cache = CacheModel(session)
        self._cursor_address = session.space.starts[0] if len(session.space) else None
        self._say("")
        self._show_gone()
        self.query_one(ProcessPane).mark(source.identity.pid)
        self.query_one(VmaPane).set_session(session)
        self.query_one(EventsPane).set_session(session)
        pages = self.query_one(PageList)
        pages.set_model(SessionPages(session, self._cache_changed))
        pages.focus()
        self._show_status()

    def action_reopen(self) -> None:
        """Look at what has this PID now, after an exec or when the PID was given out again."""
        if self.session is not None:
            self.open_process(self.session.source.identity.pid)

    # The clock.

    def _tick(self) -> None:
        session = self.session
        if session is None or self._cache is None:
            return
        self._cache.tick()
        if session.paused or session.ended:
            self._show_cache()
        elif len(session.space) < _MANY_VMAS:
            try:
                space = session.read_maps()
            except PagelensError as exc:
                self._end(session, exc)
            else:
                self._follow(session, space)
        elif not self._polling:
            self.run_worker(self._poll_in_thread(session), group="maps")

    async def _poll_in_thread(self, session: Session) -> None:
        self._polling = True
        try:
            space = await asyncio.to_thread(session.read_maps)
        except PagelensError as exc:
            if session is self.session:
                self._end(session, exc)
        else:
            if session is self.session:
                self._follow(session, space)
        finally:
            self._polling = False

    def _follow(self, session: Session, space: AddressSpace) -> None:
        """Take over the maps as they are now, and read the visible pages again."""
        pages = self.query_one(PageList)
        if session.take_space(space):
            self.query_one(VmaPane).maps_changed()
            row = None if self._cursor_address is None else space.row_near(self._cursor_address)
            pages.set_rows(space.row_count, top=session.viewport.top, cursor=row, reload=True)
            self._show_status()
        session.refresh()
        pages.refresh()
        self.query_one(VmaPane).recount()
        self._show_cache()

    def _end(self, session: Session, error: PagelensError) -> None:
        session.end(error)
        self._show_cache()

    # What is shown around the lists.

    def _cache_changed(self) -> None:
        """Draw the cache panel anew, once, when the key that scrolls has been dealt with to its end."""
        if not self._cache_due:
            self._cache_due = True
            self.query_one(PageList).call_next(self._show_cache)

    def _show_cache(self) -> None:
        """Draw the cache panel anew, and what became of the target."""
        self._cache_due = False
        if self._cache is None or self.session is None:
            return
        cursor = self.query_one(PageList).cursor
        self._cursor_address = self.session.space.row(cursor).address if cursor >= 0 else None
        panel = self.query_one(CachePanel)
        panel.show(self._cache.facts(panel.ruler_width, self._cursor_address))
        self.query_one(EventsPane).update_events()
        if self._shadow_timer is None and self.query_one(ShadowTable).display:
            # The shadows are worked out once the keys rest, so that no key waits for them.
            self._shadow_timer = self.set_timer(_SHADOW_SECONDS, self._show_shadows)
        self._show_gone()

    def _show_shadows(self) -> None:
        self._shadow_timer = None
        if self._cache is not None:
            self.query_one(ShadowTable).show(self._cache.costs())

    def _show_status(self) -> None:
        status = self.query_one("#status", TextBar)
        if self.session is None:
            status.show("pagelens: choose a process and press enter", "? help")
            return
        source, space = self.session.source, self.session.space
        what = f"{count(len(space))} VMAs, {count(space.page_count)} pages"
        hidden = "" if source.visibility.pfn else f"PFN {HIDDEN}"
        status.show(f"pagelens  {source.identity.pid} {source.identity.name}  {what}", hidden or "? help")

    def _say(self, message: str) -> None:
        """Show a message until the next one, or until escape."""
        self.query_one("#message", Banner).show(message)

    def _show_gone(self) -> None:
        """Say what became of the target, for as long as it is shown."""
        ended = self.session.ended if self.session is not None else ""
        text = f"{ended}; the last view is kept, o opens what has this PID now" if ended else ""
        self.query_one("#gone", Banner).show(text)

    # The lists.

    def on_virtual_list_selected(self, message: VirtualList.Selected) -> None:
        """A process is opened, a VMA moves the page list to itself."""
        if isinstance(message.list, ProcessPane):
            info = message.list.process_at(message.row)
            if info is not None:
                self.open_process(info.pid)
        elif isinstance(message.list, VmaPane) and self.session is not None:
            index = message.list.index(message.row)
            self.query_one(PageList).jump(self.session.space.row_of_vma(index))
        elif isinstance(message.list, EventsPane) and self.session is not None:
            event = message.list.event_at(message.row)
            if event is not None:
                self.query_one(PageList).move_cursor(self.session.space.row_near(event.start), center=True)

    def on_virtual_list_cursor_moved(self, message: VirtualList.CursorMoved) -> None:
        """The VMA pane keeps in step with the page list; a process that cannot be read says why."""
        if isinstance(message.list, ProcessPane):
            info = message.list.process_at(message.row)
            unreadable = info is not None and not info.readable and message.list.has_focus
            self._say(f"{info.pid} {info.name}: {info.reason}" if info is not None and unreadable else "")
        elif isinstance(message.list, PageList) and self.session is not None:
            row = self.session.space.row(message.row)
            self.query_one(VmaPane).follow(row.vma)
            if row.address != self._cursor_address:
                self._show_cache()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """On a narrow terminal the process list is wide only while it has the focus."""
        if self.has_class("-narrow"):
            self.set_class(isinstance(event.widget, ProcessPane), "-processes")

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A key was clicked: as if it had been pressed."""
        # Not `simulate_key`, which holds the app's messages up until the process is idle.
        key = events.Key(message.key, None)
        # A message bubbles up no further than to its sender, and this screen is where the key is bound.
        key.set_sender(self.app)
        self.app.post_message(key)
