"""The explorer: processes, VMAs, pages and the cache on one screen, and the keys that work there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.worker import get_current_worker

from app.events_pane import EventsPane
from app.navigation import find_row
from app.process_pane import ProcessPane
from app.screens.browsing import BrowsingScreen
from app.vma_pane import VmaPane
from pagemap.errors import PagelensError
from pagemap.find import SEARCHES, next_page
from pagemap.vma import PAGE_SIZE
from widgets.bars import KeyBar
from widgets.page_list import PageList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.session import Session
    from pagemap.policies import Policy
    from widgets.prompt import Prompt


_FILTERED: Final[dict[str, type[ProcessPane | VmaPane | EventsPane]]] = {
    "processes": ProcessPane,
    "vmas": VmaPane,
    "events": EventsPane,
}


class ExplorerScreen(BrowsingScreen):
    """Pick a process, see its VMAs, scroll its pages, watch the cache."""

    _wanted = ""
    """The state that `n` and `N` look for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "go_to", "Go to an address or a VMA's name"),
        Binding("n", "find_next", "Next page in the chosen state"),
        Binding("N", "find_previous", "Previous page in the chosen state"),
        Binding("f", "find", "Choose the state that n and N look for"),
        Binding("slash", "filter", "Filter processes or VMAs"),
        Binding("escape", "clear", "Clear the filter and the message", show=False),
        Binding("s", "sort", "Sort by the next column"),
        Binding("S", "reverse", "Turn the order round"),
        Binding("p", "policy", "Choose the cache policy"),
        Binding("e", "events", "Show or hide the events"),
        Binding("v", "versus", "Show or hide what every policy would have cost"),
        Binding("x", "compare", "Compare the policies over a walk"),
        Binding("w", "write", "Write your scroll to a file"),
        Binding("c", "flush", "Flush the cache: drop all windows"),
        Binding("r", "reset", "Reset the counters"),
        Binding("space", "pause", "Pause or resume the live refresh"),
        Binding("o", "reopen", "Open what has this PID now"),
        Binding("question_mark,f1", "help", "Help"),
    ]

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
        """The list that sorting applies to: the focused one, or from the pages the VMAs."""
        processes = self.query_one(ProcessPane)
        return processes if processes.has_focus else self.query_one(VmaPane)

    def _filterable(self) -> ProcessPane | VmaPane | EventsPane:
        """The list that a filter applies to; from the pages the one above them."""
        events = self.query_one(EventsPane)
        processes = self.query_one(ProcessPane)
        return events if events.display and not processes.has_focus else self._sortable()

    def action_events(self) -> None:
        """Show the events in place of the VMAs, or the VMAs again."""
        self.toggle_class("-events")
        events = self.query_one(EventsPane)
        if self.has_class("-events"):
            events.update_events()
            events.focus()
        else:
            self.query_one(PageList).focus()

    def action_versus(self) -> None:
        """Show or hide the shadows: what the same lookups would have cost under every policy."""
        self.toggle_class("-shadows")
        self._show_shadows()
        if self.focused is None or not self.focused.display:
            self.query_one(PageList).focus()

    def action_compare(self) -> None:
        """Run a walk under every policy, for real."""
        from app.screens.compare import CompareScreen

        if self.session is None or self.session.ended:
            self._say("choose a process first: there is nothing to compare the policies on")
            return
        self.app.push_screen(CompareScreen(self.session, self.query_one(PageList).page_height))

    def action_write(self) -> None:
        """Ask where to write the scroll to."""
        if self.session is not None:
            steps = len(self.session.recording().steps)
            self._ask("write", f"write your scroll of {steps:,} steps to the file:", "")

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

    def action_find(self) -> None:
        """Ask which state `n` and `N` look for, and go to the next such page."""
        self._ask("find", f"go to the next page that is: {', '.join(SEARCHES)}", self._wanted)

    def action_find_next(self) -> None:
        """Go to the next page in the chosen state, however far away."""
        self._find_page(backwards=False)

    def action_find_previous(self) -> None:
        """Go to the previous page in the chosen state, however far away."""
        self._find_page(backwards=True)

    def _find_page(self, *, backwards: bool) -> None:
        if not self._wanted:
            self.action_find()
        elif self.session is not None:
            self._say(f"looking for a {self._wanted} page; esc stops")
            self.run_worker(lambda: self._search(backwards), thread=True, exclusive=True, group="search")

    def _search(self, backwards: bool) -> None:
        """In a thread: look for the page, then say where it is."""
        worker, session = get_current_worker(), self.session
        if session is None:
            return
        row = session.space.row(max(0, self.query_one(PageList).cursor))
        # A header stands before its VMA's first page, so that page is the next one.
        address = row.address - PAGE_SIZE if row.header and not backwards else row.address
        try:
            found = next_page(
                *(session.source, session.space, address, self._wanted),
                backwards=backwards,
                cancelled=lambda: worker.is_cancelled,
            )
        except PagelensError as exc:
            message = str(exc)
        else:
            way = "before" if backwards else "after"
            message = "" if found is not None else f"no {self._wanted} page {way} {address:#x}"
            if found is not None:
                self.app.call_from_thread(self._show_found, session, found)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._say, message)

    def _show_found(self, session: Session, address: int) -> None:
        row = session.space.row_of(address)
        if session is self.session and row is not None:
            self.query_one(PageList).move_cursor(row, center=True)

    def action_filter(self) -> None:
        """Ask for a filter of the list that has the focus."""
        pane = self._filterable()
        if isinstance(pane, EventsPane):
            self._ask(
                "events", "show events with: miss, fill, evict, error (several by commas), or text", pane.filter_text
            )
        elif isinstance(pane, ProcessPane):
            self._ask("processes", "show processes with: PID, user, name or command line", pane.filter_text)
        else:
            self._ask("vmas", "show VMAs with: name, address, perms:rw, kind:heap", pane.filter_text)

    def _ask(self, purpose: str, question: str, value: str = "") -> None:
        from widgets.prompt import Prompt

        prompt = next(iter(self.query(Prompt)), None)
        if prompt is None:
            prompt = Prompt(id="prompt")
            self.mount(prompt)
        prompt.ask(purpose, question, value)
        self.query_one(KeyBar).display = False
        # Not `prompt.focus()`, which takes effect later: the next key may be here already.
        self.set_focus(prompt)

    def on_prompt_answered(self, message: Prompt.Answered) -> None:
        """Filters work while they are typed; an address counts when it is complete."""
        try:
            if message.purpose == "processes":
                self.query_one(ProcessPane).filter(message.text)
            elif message.purpose == "vmas":
                self.query_one(VmaPane).filter(message.text)
            elif message.purpose == "events":
                self.query_one(EventsPane).filter(message.text)
            elif message.purpose == "find":
                if message.final:
                    self._find(message.text.strip())
                    return
            elif message.purpose == "write":
                if message.final:
                    self._write(message.text)
                    return
            elif message.final and self.session is not None:
                pages = self.query_one(PageList)
                pages.move_cursor(find_row(self.session.space, message.text), center=True)
        except PagelensError as exc:
            self._say(str(exc))
            return
        self._say("")
        if message.final:
            self._close_prompt(message.purpose)

    def _find(self, state: str) -> None:
        """Take a state, also by its beginning, and go to the next page in it."""
        wanted = next((name for name in SEARCHES if state and name.startswith(state)), "")
        if not wanted:
            self._say(f"cannot look for {state!r}: it is one of {', '.join(SEARCHES)}")
            return
        self._wanted = wanted
        self._close_prompt("find")
        self.action_find_next()

    def _write(self, name: str) -> None:
        """Write the scroll; an existing file is left alone."""
        if self.session is None or not name.strip():
            return
        path = Path(name.strip()).expanduser()
        recording = self.session.recording()
        try:
            recording.save(path)
        except OSError as exc:
            self._say(f"cannot write {name!r}: {exc.strerror}")
            return
        self._close_prompt("write")
        self._say(f"wrote {len(recording.steps):,} steps to {path}: pagelens cache --replay {path} replays them")

    def on_prompt_cancelled(self, message: Prompt.Cancelled) -> None:
        """Leave things as they were; a filter is taken off."""
        self._close_prompt(message.purpose)
        self._say("")
        if message.purpose in _FILTERED:
            self.query_one(_FILTERED[message.purpose]).filter("")

    def _close_prompt(self, purpose: str) -> None:
        from widgets.prompt import Prompt

        self.query_one(Prompt).display = False
        self.query_one(KeyBar).display = True
        self.set_focus(self.query_one(_FILTERED.get(purpose, PageList)))

    def action_clear(self) -> None:
        """Take the filter off the list that has the focus, and the message away."""
        self._say("")
        self.workers.cancel_group(self, "search")
        pane = self._filterable()
        if pane.filter_text:
            pane.filter("")
