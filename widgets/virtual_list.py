"""A list of any length: only the visible rows exist, and its position is a plain integer.

No widget and no object per row, no animation, and memory and time that do not depend on the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from widgets.line_widget import LineWidget
from widgets.text import fit

if TYPE_CHECKING:
    from textual import events

_WHEEL_ROWS: Final = 3


class VirtualList(LineWidget, can_focus=True):
    """Base of all list panes: position, cursor, keys, mouse and scrollbar.

    Subclasses draw rows in `row_segments` and a heading line in `header_segments`.

    Attributes:
        empty_text: What is shown instead of rows when there are none.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "list--header",
        "list--header-focus",
        "list--cursor",
        "list--cursor-focus",
        "list--empty",
        "list--track",
        "list--thumb",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False),
        Binding("down,j", "step(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,ctrl+home", "edge(0)", "First row", show=False),
        Binding("end,ctrl+end", "edge(1)", "Last row", show=False),
        Binding("enter", "select", "Select", show=False),
    ]

    @dataclass
    class CursorMoved(Message):
        """The cursor stands on another row."""

        list: VirtualList
        """Which list."""
        row: int
        """The row, from 0."""

        @property
        def control(self) -> VirtualList:
            """Which list."""
            return self.list

        def can_replace(self, message: Message) -> bool:
            """A newer position replaces one not yet handled."""
            return isinstance(message, VirtualList.CursorMoved) and message.list is self.list

    @dataclass
    class Selected(Message):
        """A row was chosen with enter or a second click."""

        list: VirtualList
        """Which list."""
        row: int
        """The row, from 0."""

        @property
        def control(self) -> VirtualList:
            """Which list."""
            return self.list

    @dataclass
    class Scrolled(Message):
        """Other rows are visible."""

        list: VirtualList
        """Which list."""

        @property
        def control(self) -> VirtualList:
            """Which list."""
            return self.list

        def can_replace(self, message: Message) -> bool:
            """A newer one replaces one not yet handled."""
            return isinstance(message, VirtualList.Scrolled) and message.list is self.list

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.empty_text = ""
        self._top = 0
        self._cursor = 0
        self._row_count = 0
        self._seen: tuple[int, int, int] | None = None
        self._dragging = False

    # What subclasses draw.

    def row_segments(self, number: int, width: int) -> list[Segment]:
        """One row."""
        raise NotImplementedError

    def header_segments(self, width: int) -> list[Segment]:
        """The heading line."""
        raise NotImplementedError

    def header_clicked(self, x: int, width: int) -> None:
        """The heading was clicked at column `x`."""

    def viewport_changed(self, top: int, height: int) -> None:
        """Other rows are visible; called once for each change, before they are painted."""

    # Position.

    @property
    def page_height(self) -> int:
        """Rows that are visible at once."""
        return max(0, self.size.height - 1)

    @property
    def top(self) -> int:
        """The first visible row."""
        return self._top

    @property
    def cursor(self) -> int:
        """The row under the cursor; -1 without rows."""
        return self._cursor if self._row_count else -1

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return self._row_count

    def set_rows(self, count: int, *, top: int | None = None, cursor: int | None = None, reload: bool = False) -> None:
        """Change how many rows there are, and optionally what is visible.

        Args:
            count: Rows.
            top: First visible row; None keeps it.
            cursor: Row under the cursor; None keeps it.
            reload: Whether the rows themselves are others: they are asked for anew even at the same place.
        """
        self._row_count = count
        if reload:
            self._seen = None
        moved = cursor is not None and cursor != self._cursor
        self._cursor = max(0, min(self._cursor if cursor is None else cursor, count - 1))
        self._set_top(self._top if top is None else top)
        self.refresh()
        if moved:
            self.post_message(self.CursorMoved(self, self.cursor))

    def _set_top(self, top: int) -> None:
        self._top = max(0, min(top, self._row_count - self.page_height))
        seen = (self._top, self.page_height, self._row_count)
        if seen == self._seen or not self.page_height:
            return
        scrolled = self._seen is None or seen[:2] != self._seen[:2]
        self._seen = seen
        self.viewport_changed(self._top, self.page_height)
        if scrolled:
            self.post_message(self.Scrolled(self))
        self.refresh()

    def scroll_to_row(self, top: int) -> None:
        """Make `top` the first visible row; the cursor stays within what is visible."""
        self._set_top(top)
        self._place_cursor(max(self._top, min(self._cursor, self._top + self.page_height - 1)))

    def move_cursor(self, row: int, *, center: bool = False) -> None:
        """Put the cursor on a row and scroll as little as needed, or so that the row is in the middle."""
        row = max(0, min(row, self._row_count - 1))
        if center and not self._top <= row < self._top + self.page_height:
            self._set_top(row - self.page_height // 2)
        elif row < self._top:
            self._set_top(row)
        elif row >= self._top + self.page_height:
            self._set_top(row - self.page_height + 1)
        self._place_cursor(row)

    def jump(self, row: int) -> None:
        """Put the cursor on a row and make it the first visible one."""
        self._set_top(row)
        self._place_cursor(row)

    def _place_cursor(self, row: int) -> None:
        row = max(0, min(row, self._row_count - 1))
        if row != self._cursor:
            self._cursor = row
            self.refresh()
            self.post_message(self.CursorMoved(self, row))

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While it is hidden, no key moves a list."""
        return self.page_height > 0 and super().check_action(action, parameters)

    def action_step(self, rows: int) -> None:
        """Move the cursor by rows."""
        self.move_cursor(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the visible rows by whole pages; the cursor keeps its place on the screen, and follows at the ends."""
        line = self._cursor - self._top
        before = self._top
        self._set_top(self._top + pages * self.page_height)
        if self._top == before:
            self.action_edge(int(pages > 0))
        else:
            self._place_cursor(self._top + line)

    def action_edge(self, end: int) -> None:
        """Go to the first or the last row."""
        self.move_cursor(self._row_count - 1 if end else 0)

    def action_select(self) -> None:
        """Choose the row under the cursor."""
        if self._row_count:
            self.post_message(self.Selected(self, self._cursor))

    # Mouse.

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.scroll_to_row(self._top + _WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.scroll_to_row(self._top - _WHEEL_ROWS)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to drag the scrollbar."""
        if event.x == self.size.width - 1 and event.y > 0:
            event.stop()
            self._dragging = True
            self.capture_mouse()
            self._scroll_to_line(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the scrollbar."""
        if self._dragging:
            self._scroll_to_line(event.y)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let the scrollbar go."""
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Choose a row, or a column of the heading."""
        if event.x == self.size.width - 1 and event.y > 0:
            return
        if event.y == 0:
            self.header_clicked(event.x, self.size.width - 1)
            return
        row = self._top + event.y - 1
        if row >= self._row_count:
            return
        self._place_cursor(row)
        self.post_message(self.Selected(self, row))

    def _scroll_to_line(self, y: int) -> None:
        """Scroll to where line `y` of the scrollbar stands: exact for any number of rows."""
        lines = self.page_height
        last = max(0, self._row_count - lines)
        line = max(0, min(y - 1, lines - 1))
        self.scroll_to_row(last * line // max(1, lines - 1))

    # Painting.

    def on_resize(self) -> None:
        """The number of visible rows may have changed: the cursor stays visible."""
        if self.page_height:
            # In one step, for every place that the viewport is told of is looked up. Hidden, the list keeps its place.
            self._set_top(max(min(self._top, self._cursor), self._cursor - self.page_height + 1))

    def on_focus(self) -> None:
        """The heading and the cursor show the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """The heading and the cursor show the focus."""
        self.refresh()

    def line_strip(self, y: int, width: int) -> Strip:
        """The heading, or a row with its piece of scrollbar."""
        inner = width - 1
        if y == 0:
            style = self.component("list--header-focus" if self.has_focus else "list--header")
            heading = Strip(self.header_segments(inner)).adjust_cell_length(width)
            return Strip(Segment.apply_style(heading, post_style=style))
        row = self._top + y - 1
        if row < self._row_count:
            strip = Strip(self.row_segments(row, inner)).adjust_cell_length(inner, self.base_style)
            if row == self._cursor:
                cursor = self.shade("list--cursor-focus" if self.has_focus else "list--cursor")
                strip = Strip(Segment.apply_style(strip, post_style=cursor))
        elif not self._row_count and y == 1:
            strip = Strip([Segment(fit(" " + self.empty_text, inner), self.component("list--empty"))])
        else:
            strip = Strip.blank(inner, self.base_style)
        return Strip([*strip, self._scrollbar(y - 1)])

    def _scrollbar(self, line: int) -> Segment:
        lines = self.page_height
        if self._row_count <= lines:
            return Segment(" ", self.component("list--track"))
        size = max(1, lines * lines // self._row_count)
        start = (lines - size) * self._top // (self._row_count - lines)
        if start <= line < start + size:
            return Segment("█", self.component("list--thumb"))
        return Segment("│", self.component("list--track"))
