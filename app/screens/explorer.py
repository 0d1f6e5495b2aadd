"""The explorer: processes, VMAs, pages and the cache on one screen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from app.keys import KEYS
from app.models import CacheModel, SessionPages
from app.navigation import find_row
from app.process_pane import ProcessPane
from app.session import Session
from app.vma_pane import VmaPane
from pagemap.errors import PagelensError
from pagemap.probe import HIDDEN
from widgets.bars import Banner, KeyBar, TextBar
from widgets.cache_panel import CachePanel
from widgets.numbers import count
from widgets.page_list import PageList
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from textual import events
    from textual.app import ComposeResult

    from pagemap.policies import Policy
    from pagemap.process import ProcessInfo
    from pagemap.source import Source
    from pagemap.vma import AddressSpace
    from widgets.prompt import Prompt

MIN_WIDTH: Final = 80
MIN_HEIGHT: Final = 24
WIDE: Final = 120
"""Columns from which the process list stands at the left, over the whole height."""
_MANY_VMAS: Final = 2_000
"""VMAs from which the maps are read in a thread: below, reading takes less than handing over."""


class ExplorerScreen(Screen[object]):
    """Pick a process, see its VMAs, scroll its pages, watch the cache."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "go_to", "Go to an address or a VMA's name"),
        Binding("slash", "filter", "Filter processes or VMAs"),
        Binding("escape", "clear", "Clear the filter and the message", show=False),
        Binding("s", "sort", "Sort by the next column"),
        Binding("S", "reverse", "Turn the order round"),
        Binding("p", "policy", "Choose the cache policy"),
        Binding("c", "flush", "Flush the cache: drop all windows"),
        Binding("r", "reset", "Reset the counters"),
        Binding("space", "pause", "Pause or resume the live refresh"),
        Binding("o", "reopen", "Open what has this PID now"),
        Binding("question_mark,f1", "help", "Help"),
    ]

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
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
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

    def compose(self) -> ComposeResult:
        """Status, banner, the four panes, keys."""
        yield TextBar(id="status")
        yield Banner(id="gone")
        with Container(id="body"):
            yield ProcessPane(self._processes, id="processes")
            yield VmaPane(id="vmas")
            yield PageList(id="pages")
            yield CachePanel(id="cache")
        yield TextBar(id="small")
        yield KeyBar(id="keys")
        yield Banner(id="message")

    def on_mount(self) -> None:
        """Fill the panes and start the clock."""
        # Before the first layout, not after it: a row that is visible for a moment is looked up.
        self.set_class(self.app.size.width >= WIDE, "-wide")
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
        """Say so where the terminal is too small."""
        width, height = event.size
        self.set_class(width < MIN_WIDTH or height < MIN_HEIGHT, "-small")
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
        self._cursor_address = None
        self._say("")
        self._show_gone()
        self.query_one(ProcessPane).mark(source.identity.pid)
        self.query_one(VmaPane).set_session(session)
        pages = self.query_one(PageList)
        pages.set_model(SessionPages(session, self._show_cache))
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

    def _show_cache(self) -> None:
        """Draw the cache panel anew, and what became of the target."""
        if self._cache is None or self.session is None:
            return
        panel = self.query_one(CachePanel)
        panel.show(self._cache.facts(panel.ruler_width))
        self._show_gone()

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

    def on_virtual_list_cursor_moved(self, message: VirtualList.CursorMoved) -> None:
        """The VMA pane keeps in step with the page list; a process that cannot be read says why."""
        if isinstance(message.list, ProcessPane):
            info = message.list.process_at(message.row)
            unreadable = info is not None and not info.readable and message.list.has_focus
            self._say(f"{info.pid} {info.name}: {info.reason}" if info is not None and unreadable else "")
        elif isinstance(message.list, PageList) and self.session is not None:
            row = self.session.space.row(message.row)
            self._cursor_address = row.address
            self.query_one(VmaPane).follow(row.vma)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """On a narrow terminal the process list is wide only while it has the focus."""
        self.set_class(isinstance(event.widget, ProcessPane), "-processes")

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A key was clicked: as if it had been pressed."""
        self.app.simulate_key(message.key)

    # Keys.

    def commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Everything that has a key here, for the command palette: title, help, action."""
        for binding in self.BINDINGS:
            if isinstance(binding, Binding):
                action = getattr(self, f"action_{binding.action}")
                yield binding.description, f"key {binding.key.partition(',')[0]}", action

    def action_flush(self) -> None:
        """Drop all windows of the cache in use."""
        if self.session is not None:
            self.session.flush()
            self.query_one(PageList).refresh()
            self._show_cache()

    def action_reset(self) -> None:
        """Set the counters to zero."""
        if self.session is not None:
            self.session.reset()
            self._show_cache()

    def action_pause(self) -> None:
        """Pause or resume the live refresh."""
        self._paused = not self._paused
        if self.session is not None:
            self.session.set_live(paused=self._paused)
            self._show_cache()

    def action_sort(self) -> None:
        """Sort the list that has the focus by its next column."""
        pane = self._sortable()
        pane.sort_next()

    def action_reverse(self) -> None:
        """Turn the order of the list that has the focus round."""
        self._sortable().reverse()

    def _sortable(self) -> ProcessPane | VmaPane:
        """The list that filter and sort apply to: the focused one, or from the pages the VMAs."""
        processes = self.query_one(ProcessPane)
        return processes if processes.has_focus else self.query_one(VmaPane)

    def action_policy(self) -> None:
        """Choose another policy, or other settings."""
        from app.screens.policy import PolicyScreen

        current = self.session.cache.policy if self.session is not None else self._policy
        self.app.push_screen(PolicyScreen(current), self._set_policy)

    def _set_policy(self, policy: Policy | None) -> None:
        if policy is None:
            return
        self._policy = policy
        if self.session is not None:
            self.session.set_policy(policy)
            self.query_one(PageList).refresh()
            self._show_cache()

    def action_help(self) -> None:
        """Explain the keys and what is on the screen."""
        from app.screens.help import HelpScreen

        self.app.push_screen(HelpScreen())

    # Prompts.

    def action_go_to(self) -> None:
        """Ask for an address."""
        self._ask("go to", "go to: hexadecimal address, or part of a VMA's name")

    def action_filter(self) -> None:
        """Ask for a filter of the list that has the focus."""
        pane = self._sortable()
        if isinstance(pane, ProcessPane):
            self._ask("processes", "show processes with: PID, user, name or command line", pane.filter_text)
        else:
            self._ask("vmas", "show VMAs with: name, address, perms:rw, kind:heap", pane.filter_text)

    def _ask(self, purpose: str, question: str, value: str = "") -> None:
        from widgets.prompt import Prompt

        for old in self.query(Prompt):
            old.remove()
        prompt = Prompt(purpose, question, value)
        self.query_one(KeyBar).display = False
        self.mount(prompt)
        prompt.focus()

    def on_prompt_answered(self, message: Prompt.Answered) -> None:
        """Filters work while they are typed; an address counts when it is complete."""
        try:
            if message.purpose == "processes":
                self.query_one(ProcessPane).filter(message.text)
            elif message.purpose == "vmas":
                self.query_one(VmaPane).filter(message.text)
            elif message.final and self.session is not None:
                pages = self.query_one(PageList)
                pages.move_cursor(find_row(self.session.space, message.text), center=True)
        except PagelensError as exc:
            self._say(str(exc))
            return
        self._say("")
        if message.final:
            self._close_prompt(message.purpose)

    def on_prompt_cancelled(self, message: Prompt.Cancelled) -> None:
        """Leave things as they were; a filter is taken off."""
        self._close_prompt(message.purpose)
        self.action_clear()

    def _close_prompt(self, purpose: str) -> None:
        from widgets.prompt import Prompt

        for prompt in self.query(Prompt):
            prompt.remove()
        self.query_one(KeyBar).display = True
        panes: dict[str, type[VirtualList]] = {"processes": ProcessPane, "vmas": VmaPane}
        self.query_one(panes.get(purpose, PageList)).focus()

    def action_clear(self) -> None:
        """Take the filter off the list that has the focus, and the message away."""
        self._say("")
        pane = self._sortable()
        if pane.filter_text:
            pane.filter("")
