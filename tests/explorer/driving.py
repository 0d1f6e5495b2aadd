"""The explorer driven in memory: real key presses, the widgets' own lines read back, no waiting by the clock."""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerCancelled

from app.session import Session
from app.tui import PagelensApp
from app.vma_pane import VmaPane
from pagemap.live import LiveProcess
from pagemap.policies import make_policy
from pagemap.process import ProcessInfo
from pagemap.source import Source
from tests.explorer.expected import Counted, Row, parse_row
from widgets.bars import Banner, TextBar
from widgets.cache_panel import CachePanel
from widgets.page_list import PageList
from widgets.process_list import ProcessList
from widgets.prompt import Prompt

_ROUNDS = 5
NEVER = 3_600.0
"""An interval after which no test is still there: refreshes are called for."""


def text(widget: Widget) -> str:
    """What a widget of ours shows, line by line, without the blanks at the ends."""
    return "\n".join(strip.text.rstrip() for strip in widget.render_lines(widget.size.region))


def no_processes() -> Iterable[ProcessInfo]:
    """A process list for tests that do not look at it."""
    return ()


class Driver:
    """The running explorer, and what its widgets show."""

    def __init__(self, app: PagelensApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    def shows(self, screen: type[Screen[Any]]) -> bool:
        """Whether the topmost screen is one of this kind."""
        return isinstance(self.app.screen, screen)

    @property
    def session(self) -> Session:
        assert self.app.explorer.session is not None, "a target is open"
        return self.app.explorer.session

    @property
    def pages(self) -> PageList:
        return self.app.explorer.query_one(PageList)

    @property
    def vmas(self) -> VmaPane:
        return self.app.explorer.query_one(VmaPane)

    @property
    def processes(self) -> ProcessList:
        return self.app.explorer.query_one(ProcessList)

    @property
    def message(self) -> str:
        """What the message over the cache panel says, on one line; empty while there is none."""
        return self._said("#message")

    @property
    def gone(self) -> str:
        """What the banner says of a target that is no more, on one line; empty while there is none."""
        return self._said("#gone")

    def _said(self, name: str) -> str:
        banner = self.app.explorer.query_one(name, Banner)
        return " ".join(text(banner).split()) if banner.display else ""

    @property
    def status(self) -> str:
        return text(self.app.explorer.query_one("#status", TextBar)).strip()

    @property
    def panel(self) -> str:
        return text(self.app.explorer.query_one(CachePanel))

    @property
    def counted(self) -> Counted:
        """The counters as they stand on the screen."""
        counted = Counted.on(self.panel)
        assert counted is not None, self.panel
        return counted

    @property
    def rows(self) -> list[Row]:
        """The page list's rows as they stand on the screen, comparable with `Explored.rows`."""
        lines = text(self.pages).splitlines()[1:]
        return [row.stable for line in lines if (row := parse_row(line)) is not None]

    @property
    def vma_rows(self) -> list[str]:
        """The VMA list's rows on the screen, without the scrollbar."""
        return [line[:-1].rstrip() if line[-1:] in "│█" else line for line in text(self.vmas).splitlines()[1:] if line]

    @property
    def vmas_heading(self) -> str:
        return text(self.vmas).splitlines()[0]

    @property
    def names(self) -> list[str]:
        """PID column of the process list's visible rows."""
        return [line.split()[0] for line in text(self.processes).splitlines()[1:] if line.strip()]

    async def press(self, *keys: str) -> None:
        """Press keys, by Textual's names, one after the other."""
        # Pilot's own press waits until the process seems idle, which takes 60 ms and is a guess.
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))
            await self._drain()
        await self.settle()

    def type_ahead(self, *keys: str) -> None:
        """Press keys all at once, before the first has had any effect."""
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))

    async def settle(self) -> None:
        """Until every message is handled and every worker done."""
        await self._drain()
        while pending := [worker for worker in self.app.workers if not worker.is_finished]:
            # A newer worker of the same group takes an older one's place.
            with suppress(WorkerCancelled):
                await self.app.workers.wait_for_complete(pending)
            await self._drain()

    async def _drain(self) -> None:
        # Each round empties all queues once; a message that bubbles up from a pane to the app lies in a few.
        for _ in range(_ROUNDS):
            await self.pilot.pause(0)

    async def ask(self, key: str, answer: str, *, enter: bool = True) -> None:
        """Open a prompt with a key, put text in place of what stands there, and press enter."""
        await self.press(key)
        prompt = self.app.explorer.query_one(Prompt)
        prompt.action_select_all()
        # Pasted, for a key press takes Pilot 60 ms.
        prompt.post_message(events.Paste(answer))
        await self.press(*(["enter"] if enter else []))

    async def tick(self) -> None:
        """What the clock does every interval."""
        self.app.explorer._tick()
        await self.settle()

    def row(self, address: int) -> Row:
        """The visible row of a page."""
        return next(row for row in self.rows if row.address == address and row.mark != "▾")

    async def wheel(self, widget: Widget, notches: int) -> None:
        """Turn the mouse wheel over a widget; negative notches turn it up."""
        kind = events.MouseScrollDown if notches > 0 else events.MouseScrollUp
        for _ in range(abs(notches)):
            widget.post_message(kind(widget, 5, 5, 0, notches, 0, False, False, False))
            await self.settle()

    async def go_to(self, address: int) -> None:
        await self.ask("g", f"{address:#x}")


@asynccontextmanager
async def explore(
    target: int | Source | None,
    *,
    size: tuple[int, int] = (80, 24),
    policy: str = "blocks",
    paused: bool = False,
    processes: Callable[[], Iterable[ProcessInfo]] = no_processes,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Driver]:
    """Open the explorer on a process (by PID), on another source, or on none."""
    source = LiveProcess(target) if isinstance(target, int) else target
    app = PagelensApp(source, make_policy(policy), interval=NEVER, paused=paused, processes=processes, clock=clock)
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        await driver.settle()
        yield driver
