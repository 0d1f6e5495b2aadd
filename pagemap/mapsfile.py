"""A file of VMAs, the text of some /proc/PID/maps, as a source: it counts what would be read, and reads nothing.

Its entries are all 0 and mean nothing: what is true of it is how many system calls and entries a policy needs, for
layouts of processes that are elsewhere, long gone, or made up. Source of the format: proc_pid_maps(5).
"""

from __future__ import annotations

import re
from functools import reduce
from operator import le, lt, or_
from typing import TYPE_CHECKING, Final

from pagemap.counting import CountingReader
from pagemap.errors import UsageError
from pagemap.scan import Category
from pagemap.source import Identity, Reading
from pagemap.state import Visibility
from pagemap.vma import PAGE_SIZE, AddressSpace

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator
    from pathlib import Path

    from pagemap.recording import Recording
    from pagemap.scan import ScanRequest

LIMIT_32: Final = 1 << 32
"""First address beyond a 32-bit task."""
LIMITS: Final = (
    (0x7FFF_FFFF_F000, "that of x86-64 with 4-level page tables"),
    (1 << 48, "that of 48-bit addresses, since a VMA ends above 0x7ffffffff000"),
    (1 << 52, "that of 52-bit addresses, since a VMA ends above 0x1000000000000"),
    ((1 << 56) - PAGE_SIZE, "that of x86-64 with 5-level page tables, since a VMA ends above 0x10000000000000"),
)
"""Address limits of 64-bit tasks, ascending, each with where it is from (arch/*/include/asm: TASK_SIZE)."""
MOST: Final = 256 << 20
"""Bytes of text that are read at most: far more than any process's maps, far less than an endless device gives."""

_LINE: Final = re.compile(
    rb"^[0-9a-f]{1,16}-[0-9a-f]{1,16} [r-][w-][x-][sp] [0-9a-f]{1,16} [0-9a-f]+:[0-9a-f]+ [0-9]{1,20}(?: [^\n]*)?$",
    re.MULTILINE,
)
_GATE: Final = b" [vsyscall]\n"
_SHOWN: Final = 60
_REMEDY: Final = "give a PID, or a copy of /proc/PID/maps"


class BadMapsError(UsageError):
    """The file cannot be read, or is not the text of a maps file; the message names the line."""


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
        """No process: PID and start time are 0, and a name."""
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
        """As many entries as a real process would give, all 0; see `counting.CountingReader`."""
        return self._reader.read(start, end)

    def maps(self) -> AddressSpace:
        """The VMAs, always the same."""
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
    """The VMAs of a file. An empty one is a process without VMAs.

    Args:
        path: The file.

    Attributes:
        limit_reason: Why the address limit is taken to be what it is: the text does not tell it.

    Raises:
        BadMapsError: It cannot be read, or is not the text of a maps file; it says in which line.
    """

    def __init__(self, path: Path) -> None:
        space = _parse(path, _read(path))
        limit, self.limit_reason = address_limit(space)
        super().__init__(space, limit, path.name)


class RecordedSpace(PaperSpace):
    """The VMAs of a recorded scroll."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording.space, recording.limit, recording.name)


def address_limit(space: AddressSpace) -> tuple[int, str]:
    """The address limit of the task that had these VMAs, as far as they tell it, and why it is taken to be that.

    `[vsyscall]` lies beyond every limit; only 64-bit tasks have it.
    """
    gate = space.text.endswith(_GATE)
    below = len(space) - gate
    last = space.ends[below - 1] if below else 0
    if 0 < last <= LIMIT_32 and not gate:
        return LIMIT_32, "that of a 32-bit task, since no VMA ends above 0x100000000"
    for limit, why in LIMITS:
        if last <= limit:
            return limit, why
    return last, "the end of the last VMA, which lies above every known address limit"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(MOST + 1)
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise BadMapsError(f"cannot read {str(path)!r}", why, _REMEDY) from exc
    if len(text) > MOST:
        raise BadMapsError(f"{str(path)!r} is no maps file", f"it has more than {MOST >> 20} MiB", _REMEDY)
    text = text.rstrip(b"\n")
    return text + b"\n" if text else b""


def _parse(path: Path, text: bytes) -> AddressSpace:
    """The VMAs of the text. What is right costs no loop per VMA; only the first wrong line is looked for one by one."""
    if len(_LINE.findall(text)) != text.count(b"\n"):
        numbered = enumerate(text.split(b"\n")[:-1], 1)
        number, line = next((number, line) for number, line in numbered if not _LINE.fullmatch(line))
        shown = ascii(line[:_SHOWN].decode("latin-1")) + "..." * (len(line) > _SHOWN)
        raise _bad(path, number, f"{shown} is no VMA")
    space = AddressSpace(text)
    starts, ends = space.starts, space.ends
    if (reduce(or_, starts, 0) | reduce(or_, ends, 0)) % PAGE_SIZE:
        number = next(i for i, place in enumerate(zip(starts, ends, strict=True)) if (place[0] | place[1]) % PAGE_SIZE)
        raise _bad(path, number + 1, f"an address is not a multiple of the page size, {PAGE_SIZE}")
    if not all(map(lt, starts, ends)):
        number = next(i for i, (low, high) in enumerate(zip(starts, ends, strict=True)) if low >= high)
        raise _bad(path, number + 1, "the VMA is empty, or ends before it begins")
    if not all(map(le, ends, starts[1:])):
        number = next(i for i in range(1, len(space)) if starts[i] < ends[i - 1])
        raise _bad(path, number + 1, "the VMA overlaps the one before it, or is out of order")
    return space


def _bad(path: Path, number: int, why: str) -> BadMapsError:
    return BadMapsError(f"{str(path)!r} is no maps file", f"line {number}: {why}", _REMEDY)
