"""A recorded scroll: the lookups a person made, to be replayed through every policy.

The file is JSON Lines: a head with the maps text, then for each step the ranges that were looked up.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pagemap.errors import UsageError
from pagemap.vma import PAGE_SIZE, AddressSpace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pagemap.cache import PagemapCache

Range = tuple[int, int]
"""First address and first address after it, in bytes."""

STEPS: Final = 100_000
"""Steps that a session remembers."""
_FORMAT: Final = "pagelens-scroll"
_REMEDY: Final = "save one with w in the explorer"
_DAMAGE: Final = (ValueError, TypeError, IndexError, OverflowError, RecursionError)
"""What taking a damaged line apart can raise."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A scroll, and what it went through.

    Attributes:
        name: Name of the process. Never trusted.
        space: Its VMAs.
        limit: First address that pagemap did not cover.
        steps: For each step the ranges that were looked up.
    """

    name: str
    space: AddressSpace
    limit: int
    steps: Sequence[Sequence[Range]]

    def replay(self, cache: PagemapCache) -> Iterator[float]:
        """Make the same lookups again.

        Args:
            cache: Where; pages that its VMAs do not hold any more are left out.

        Yields:
            After each step, which part of the whole is done.
        """
        limit = min(self.limit, cache.address_limit)
        for at, step in enumerate(self.steps):
            for start, end in step:
                for low, high in cache.space.mapped_ranges(start, min(end, limit)):
                    for _ in cache.lookup_range(low, high):
                        pass
            yield (at + 1) / len(self.steps)

    def save(self, path: Path) -> None:
        """Write a new file; one that exists is left alone.

        Raises:
            OSError: It exists, or cannot be written.
        """
        head = {
            "format": _FORMAT,
            "version": 1,
            "page_size": PAGE_SIZE,
            "name": self.name,
            "limit": f"{self.limit:#x}",
            "maps": self.space.text.decode("utf-8", "surrogateescape"),
        }
        with path.open("x", encoding="ascii") as file:
            file.write(json.dumps(head) + "\n")
            for step in self.steps:
                file.write(json.dumps([[f"{start:#x}", f"{end:#x}"] for start, end in step]) + "\n")


def load(path: Path) -> Recording:
    """Read a file that `Recording.save` wrote.

    Raises:
        UsageError: It cannot be read, or is no recording; it says in which line.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as exc:
        raise UsageError(f"cannot read {str(path)!r}", exc.strerror or str(exc)) from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise UsageError(f"{str(path)!r} is no recorded scroll", f"line {line}: not ASCII", _REMEDY) from exc
    try:
        head = json.loads(lines[0])
        if head["format"] != _FORMAT or head["version"] != 1 or head["page_size"] != PAGE_SIZE:
            raise ValueError("not a recording of this version and page size")
        if not isinstance(head["maps"], str):
            raise TypeError("the maps are no text")
        space = _space(head["maps"].encode("utf-8", "surrogateescape"))
        name, limit = str(head["name"]), int(head["limit"], 16)
        if limit <= 0 or limit % PAGE_SIZE:
            raise ValueError("the address limit is not whole pages")
    except (*_DAMAGE, KeyError) as exc:
        why = f"{exc} is missing" if isinstance(exc, KeyError) else exc
        raise UsageError(f"{str(path)!r} is no recorded scroll", f"line 1: {why}", _REMEDY) from exc
    steps = [_step(path, number, line) for number, line in enumerate(lines[1:], 2)]
    return Recording(name, space, limit, steps)


def _space(text: bytes) -> AddressSpace:
    """The VMAs, each looked at: all arithmetic over them relies on their order."""
    space, last = AddressSpace(text), 0
    for vma in space:
        if (vma.start | vma.end) % PAGE_SIZE or not last <= vma.start < vma.end:
            raise ValueError(f"VMA {vma.index + 1} of the maps is out of order or not whole pages")
        last = vma.end
    return space


def _step(path: Path, number: int, line: str) -> list[Range]:
    try:
        ranges = [(int(start, 16), int(end, 16)) for start, end in json.loads(line)]
    except _DAMAGE as exc:
        raise UsageError(f"{str(path)!r} is damaged", f"line {number}: {exc}") from exc
    if any(start % PAGE_SIZE or end % PAGE_SIZE or not 0 <= start < end for start, end in ranges):
        raise UsageError(f"{str(path)!r} is damaged", f"line {number}: a range is empty or not whole pages")
    return ranges


class Recorder:
    """Remembers the last steps of a scroll."""

    def __init__(self) -> None:
        self._steps: deque[Sequence[Range]] = deque(maxlen=STEPS)

    def add(self, ranges: Sequence[Range]) -> None:
        """A step: these ranges were looked up."""
        if ranges:
            self._steps.append(tuple(ranges))

    def clear(self) -> None:
        """Begin anew."""
        self._steps.clear()

    def recording(self, name: str, space: AddressSpace, limit: int) -> Recording:
        """What was recorded so far."""
        return Recording(name, space, limit, tuple(self._steps))
