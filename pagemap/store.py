"""Where a cache keeps its windows: found by address, dropped least recently used first."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pagemap.window import Window


class WindowStore:
    """Windows in the order of their addresses and in the order of their use. They may overlap."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._windows: list[Window] = []
        self._recent: OrderedDict[int, Window] = OrderedDict()
        self._overlaps = False

    def __len__(self) -> int:
        """How many windows are held."""
        return len(self._windows)

    def __iter__(self) -> Iterator[Window]:
        """The windows by address."""
        return iter(self._windows)

    def at(self, address: int) -> Window | None:
        """The window that has the page at `address`."""
        index = bisect_right(self._starts, address)
        while index:
            index -= 1
            if address < self._windows[index].end:
                return self._windows[index]
            if not self._overlaps:
                return None
        return None

    def all_at(self, address: int) -> list[Window]:
        """The windows that have the page at `address`, more than one where they overlap; `at`'s first."""
        window = self.at(address)
        if window is None or not self._overlaps:
            return [] if window is None else [window]
        return [w for w in reversed(self._windows) if w.start <= address < w.end]

    def next_start(self, address: int) -> int | None:
        """Where the first window above `address` starts."""
        index = bisect_right(self._starts, address)
        return self._starts[index] if index < len(self._starts) else None

    def touch(self, window: Window) -> None:
        """Note that a window was used."""
        self._recent.move_to_end(window.number)

    def oldest(self) -> Window:
        """The window that was used least recently; there must be one."""
        return next(iter(self._recent.values()))

    def overlapping(self, start: int, end: int) -> list[Window]:
        """The windows that have a page of `[start, end)`."""
        if self._overlaps:
            return [w for w in self._windows if w.start < end and start < w.end]
        first = max(0, bisect_right(self._starts, start) - 1)
        last = bisect_left(self._starts, end)
        return [w for w in self._windows[first:last] if start < w.end]

    def insert(self, window: Window) -> None:
        """Hold a window, as the one used last."""
        self._overlaps = self._overlaps or bool(self.overlapping(window.start, window.end))
        index = bisect_left(self._starts, window.start)
        self._starts.insert(index, window.start)
        self._windows.insert(index, window)
        self._recent[window.number] = window

    def remove(self, window: Window) -> None:
        """Let go of a window that is held."""
        index = bisect_left(self._starts, window.start)
        while self._windows[index] is not window:
            index += 1
        del self._starts[index], self._windows[index], self._recent[window.number]
        if len(self._windows) < 2:
            self._overlaps = False

    def clear(self) -> None:
        """Let go of all windows."""
        self._starts.clear()
        self._windows.clear()
        self._recent.clear()
        self._overlaps = False
