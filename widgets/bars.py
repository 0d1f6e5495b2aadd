"""Bars: the status at the top, a banner for what needs saying, the keys at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip

from widgets.line_widget import LineWidget
from widgets.text import clean, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events


class TextBar(LineWidget):
    """One line of text, untrusted parts of which are made safe; what does not fit at the left is cut."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left = ""
        self.right = ""

    def show(self, left: str, right: str = "") -> None:
        """Draw these texts at the two ends."""
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def line_strip(self, y: int, width: int) -> Strip:
        """The one line."""
        if y:
            return Strip([])
        right = f" {clean(self.right)} " if self.right else ""
        return Strip([Segment(fit(" " + clean(self.left), max(0, width - cell_len(right))) + right)])


class Banner(LineWidget):
    """A message in as many lines as it takes, a few at most; not there while there is nothing to say."""

    LINES: Final = 4

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = ""
        self._lines: list[str] = []
        self.display = False

    def show(self, text: str) -> None:
        """Say this, untrusted parts of which are made safe; nothing takes the banner away."""
        if text != self.text:
            self.text = text
            self._break()

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._break()

    def _break(self) -> None:
        # Not yet laid out, it is as wide as the screen will make it.
        width = max(1, (self.size.width or self.app.size.width) - 2)
        self._lines = wrap(clean(self.text), width, max_lines=self.LINES, placeholder=" …")
        self.styles.height = len(self._lines) or 1
        self.display = bool(self._lines)
        self.refresh()

    def line_strip(self, y: int, width: int) -> Strip:
        """One line."""
        return Strip([Segment(" " + fit(self._lines[y], width - 1))] if y < len(self._lines) else [])


class KeyBar(LineWidget):
    """The most useful keys; a click on one does what the key does."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key", "keys--label"}

    @dataclass
    class Pressed(Message):
        """A key was clicked."""

        key: str
        """Its name, as Textual names it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: Sequence[tuple[str, str, str]] = ()

    def show(self, keys: Sequence[tuple[str, str, str]]) -> None:
        """Draw these keys: name, how it is written, what it does."""
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def line_strip(self, y: int, width: int) -> Strip:
        """The one line."""
        segments: list[Segment] = []
        for _, written, label in self._fitting(width):
            segments.append(Segment(f" {written}", self.component("keys--key")))
            segments.append(Segment(f" {label}", self.component("keys--label")))
        return Strip(segments)

    def _fitting(self, width: int) -> list[tuple[str, str, str]]:
        """The keys that fit: the last two always, of the others the first ones."""
        last = list(self._keys[-2:])
        room = width - sum(map(_cells, last))
        chosen = []
        for key in self._keys[:-2]:
            room -= _cells(key)
            if room < 0:
                break
            chosen.append(key)
        return chosen + last

    def on_click(self, event: events.Click) -> None:
        """Find the key under the mouse."""
        at = 0
        for key in self._fitting(self.size.width):
            at += _cells(key)
            if event.x < at:
                self.post_message(self.Pressed(key[0]))
                return


def _cells(key: tuple[str, str, str]) -> int:
    """What a key takes on the bar."""
    return len(key[1]) + len(key[2]) + 2
