"""An app around one widget, and what the widget shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.segment import Segment
from textual import events
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from app import tui
from widgets.virtual_list import VirtualList

_ROUNDS = 4


class Host(App[None]):
    """Shows one widget as large as the terminal, and keeps the messages it sends."""

    CSS_PATH = Path(tui.__file__).with_name(tui.PagelensApp.CSS_PATH)

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.messages: list[Message] = []
        self.pilot: Pilot[None]

    def compose(self) -> ComposeResult:
        yield self.widget

    def take(self, kind: type[Message]) -> list[Message]:
        """The messages of one kind that the widget has sent since the last time this was asked."""
        # One that bubbles up is handled, and seen, more than once.
        found = list({id(message): message for message in self.messages if isinstance(message, kind)}.values())
        self.messages.clear()
        return found

    async def settle(self) -> None:
        """Until every message is handled."""
        for _ in range(_ROUNDS):
            await self.pilot.pause(0)

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.post_message(events.Key(key, key if len(key) == 1 else None))
            await self.settle()

    async def click(self, x: int, y: int) -> None:
        await self.pilot.click(self.widget, offset=(x, y))
        await self.settle()

    @property
    def lines(self) -> list[str]:
        """What the widget shows, line by line, without the blanks at the ends."""
        return [strip.text.rstrip() for strip in self.widget.render_lines(self.widget.size.region)]

    @property
    def rows(self) -> list[str]:
        """The rows of a list, without its heading and its scrollbar."""
        assert isinstance(self.widget, VirtualList)
        return [line[: self.widget.size.width - 1].rstrip() for line in self.lines[1:]]

    def segments(self, line: int) -> list[Segment]:
        """The pieces of a line, with their styles."""
        return list(self.widget.render_lines(self.widget.size.region)[line])


@asynccontextmanager
async def hosted(widget: Widget, size: tuple[int, int] = (80, 10)) -> AsyncIterator[Host]:
    """Show a widget."""
    host = Host(widget)
    async with host.run_test(size=size, message_hook=host.messages.append) as pilot:
        host.pilot = pilot
        await host.settle()
        host.messages.clear()
        yield host
