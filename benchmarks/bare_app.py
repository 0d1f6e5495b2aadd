"""A bare Textual app to compare with: a scroll view of many rows, drawn by the line API, and nothing else."""

from __future__ import annotations

import sys

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip


class Rows(ScrollView, can_focus=True):
    """Numbered rows."""

    def on_mount(self) -> None:
        """As many as the command line says."""
        self.virtual_size = Size(80, int(sys.argv[1]))

    def render_line(self, y: int) -> Strip:
        """One row."""
        return Strip([Segment(f" row {self.scroll_offset.y + y:>12}".ljust(self.size.width))])


class BareApp(App[None]):
    """One widget; it jumps from row to row as the explorer does, so that one key is one frame for both."""

    def __init__(self) -> None:
        super().__init__()
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """The rows."""
        yield Rows()


if __name__ == "__main__":
    BareApp().run()
