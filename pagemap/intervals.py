"""A map from address ranges to a value: what became of the pages that a cache once held."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Generic, TypeVar

T = TypeVar("T")


class IntervalMap(Generic[T]):
    """Disjoint half-open ranges, each with a value; a later `set` overrides what it overlaps.

    Neighbours of equal value are joined, so a scroll through a region leaves one range, not one a window.

    Args:
        capacity: Ranges held at most. Above it the map is emptied of every second range, which bounds its memory.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._values: list[T] = []

    def __len__(self) -> int:
        """How many ranges there are."""
        return len(self._starts)

    def get(self, address: int) -> T | None:
        """The value at `address`, or None."""
        index = bisect_right(self._starts, address) - 1
        return self._values[index] if index >= 0 and address < self._ends[index] else None

    def set(self, start: int, end: int, value: T) -> None:
        """Give `[start, end)` a value."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        pieces: list[tuple[int, int, T]] = []
        for i in range(first, last):
            if self._values[i] == value:
                start, end = min(start, self._starts[i]), max(end, self._ends[i])
                continue
            if self._starts[i] < start:
                pieces.append((self._starts[i], min(start, self._ends[i]), self._values[i]))
            if self._ends[i] > end:
                pieces.append((max(end, self._starts[i]), self._ends[i], self._values[i]))
        pieces.append((start, end, value))
        pieces.sort(key=lambda piece: piece[0])
        self._starts[first:last] = [piece[0] for piece in pieces]
        self._ends[first:last] = [piece[1] for piece in pieces]
        self._values[first:last] = [piece[2] for piece in pieces]
        if len(self) > self._capacity:
            del self._starts[::2], self._ends[::2], self._values[::2]

    def clear(self) -> None:
        """Forget everything."""
        self._starts.clear()
        self._ends.clear()
        self._values.clear()
