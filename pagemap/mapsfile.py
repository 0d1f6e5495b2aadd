"""A file of VMAs, the text of some /proc/PID/maps, as a source: it counts what would be read, and reads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pagemap.counting import CountingReader
from pagemap.errors import UsageError
from pagemap.scan import Category
from pagemap.source import Identity, Reading
from pagemap.state import Visibility
from pagemap.vma import PAGE_SIZE, AddressSpace, parse_line

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator
    from pathlib import Path

    from pagemap.recording import Recording
    from pagemap.scan import ScanRequest

_LIMIT: Final = 0x7FFFFFFFF000
"""TASK_SIZE of x86-64 with 4-level page tables (arch/x86/include/asm/page_64_types.h)."""
_LIMIT_5_LEVEL: Final = 0xFFFFFFFFFFF000
_LIMIT_32_BIT: Final = 0xFFFFE000
_KERNEL_HALF: Final = 1 << 63


def address_limit(space: AddressSpace) -> int:
    """The address limit of the task that had these VMAs, as far as they tell: 32-bit, 4-level or 5-level.

    VMAs in the upper half of the address space (`[vsyscall]`) are beyond every limit. A 32-bit layout that reaches
    up to 0x100000000 has its limit there.
    """
    top = max((end for end in space.ends if end < _KERNEL_HALF), default=0)
    if 0 < top <= 1 << 32:
        return max(top, _LIMIT_32_BIT)
    return _LIMIT if top <= _LIMIT else _LIMIT_5_LEVEL


class PaperSpace:
    """VMAs on paper: a source that has them, and entries that are all 0.

    Args:
        space: The VMAs.
        limit: First address that pagemap does not cover.
        name: What they are called.
    """

    def __init__(self, space: AddressSpace, limit: int, name: str) -> None:
        self._space: Final = space
        self._reader: Final = CountingReader(limit)
        self._identity: Final = Identity(0, 0, name)

    @property
    def identity(self) -> Identity:
        """No process: PID 0, and a name."""
        return self._identity

    @property
    def visibility(self) -> Visibility:
        """There are no entries to see."""
        return Visibility(pfn=False)

    @property
    def address_limit(self) -> int:
        """First address that pagemap would not cover."""
        return self._reader.address_limit

    @property
    def categories(self) -> Category:
        """VMAs tell nothing of pages."""
        return Category(0)

    def read(self, start: int, end: int) -> Reading:
        """As many entries as a real process would give, all 0."""
        return self._reader.read(start, end)

    def maps(self) -> AddressSpace:
        """The VMAs."""
        return self._space

    def scan(self, request: ScanRequest) -> Iterator[array[int]]:
        """No page is known to be populated."""
        return iter(())

    def condition(self) -> str:
        """What is on paper does not end."""
        return ""

    def close(self) -> None:
        """Nothing is held."""


class MapsFile(PaperSpace):
    """The VMAs of a file.

    Args:
        path: The file.

    Raises:
        UsageError: It cannot be read, or is not the text of a maps file; it says in which line.
    """

    def __init__(self, path: Path) -> None:
        try:
            text = path.read_bytes()
        except OSError as exc:
            raise UsageError(f"cannot read {str(path)!r}", exc.strerror or str(exc)) from exc
        space = _parse(text, str(path))
        super().__init__(space, address_limit(space), path.name)


class RecordedSpace(PaperSpace):
    """The VMAs of a recorded scroll."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording.space, recording.limit, recording.name)


def _parse(text: bytes, name: str) -> AddressSpace:
    if text and not text.endswith(b"\n"):
        text += b"\n"
    end = 0
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        try:
            vma = parse_line(line, number)
        except (ValueError, IndexError) as exc:
            raise UsageError(f"{name!r} is no maps file", f"line {number} is not like those of /proc/PID/maps") from exc
        if vma.start % PAGE_SIZE or vma.end % PAGE_SIZE or vma.start >= vma.end:
            raise UsageError(f"{name!r} is no maps file", f"line {number}: a VMA is empty or not whole pages")
        if vma.start < end:
            raise UsageError(f"{name!r} is no maps file", f"line {number}: VMAs overlap or are out of order")
        end = vma.end
    return AddressSpace(text)
