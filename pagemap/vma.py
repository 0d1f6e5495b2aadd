"""`Vma`, one memory area, and `AddressSpace`, all of a process's areas held as the maps text and a compact index.

Source: fs/proc/task_mmu.c (show_map_vma) and proc_pid_maps(5). 65,530 VMAs are ordinary here: a `Vma` object
exists only for a line that is looked at, and all arithmetic is bisection over three arrays of machine words.
"""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, repeat
from operator import sub
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PAGE_SIZE: Final = os.sysconf("SC_PAGE_SIZE")

_HEAD: Final = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) ", re.MULTILINE)
_DELETED: Final = " (deleted)"
_NAMED_KINDS: Final = {
    "": "anon",
    "[heap]": "heap",
    "[vdso]": "vdso",
    "[vsyscall]": "vsyscall",
    "/dev/zero": "anon",
    "/dev/zero (deleted)": "shared",
}
_PREFIX_KINDS: Final = (
    ("[stack", "stack"),
    ("[vvar", "vvar"),
    ("[anon_shmem:", "shared"),
    ("[anon:", "anon"),
    ("/memfd:", "memfd"),
    ("/dev/shm/", "shared"),
    ("/SYSV", "shared"),
    ("/anon_hugepage", "hugetlb"),
    ("/dev/hugepages/", "hugetlb"),
    ("/secretmem", "secret"),
    ("/dev/", "device"),
    ("/", "file"),
)
KINDS: Final = (
    *("anon", "heap", "stack", "file", "shared", "memfd", "hugetlb", "device", "secret"),
    *("vdso", "vvar", "vsyscall", "special"),
)


@dataclass(frozen=True, slots=True)
class Vma:
    """One line of /proc/PID/maps.

    Attributes:
        start: First address, in bytes.
        end: First address after it, in bytes.
        perms: Four characters: r, w, x or `-`, then p (private) or s (shared).
        offset: Where in the file it begins, in bytes.
        dev: Device of the file, as `major:minor` in hexadecimal.
        inode: Inode of the file, or 0.
        path: The name the kernel gives; bytes that are no UTF-8 are surrogate-escaped. Never trusted.
        index: Its place among the VMAs, from 0.
    """

    start: int
    end: int
    perms: str
    offset: int
    dev: str
    inode: int
    path: str
    index: int

    @property
    def pages(self) -> int:
        """Length in pages."""
        return (self.end - self.start) // PAGE_SIZE

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.end - self.start

    @property
    def kind(self) -> str:
        """What sort of memory it is, one of `KINDS`, told from its name."""
        named = _NAMED_KINDS.get(self.path)
        if named is not None:
            return named
        return next((kind for prefix, kind in _PREFIX_KINDS if self.path.startswith(prefix)), "special")

    @property
    def deleted(self) -> bool:
        """Whether the kernel says that its file has been unlinked."""
        return self.path.endswith(_DELETED)


class Row(NamedTuple):
    """A row of the one continuous list over the address space: a VMA's header, or one of its pages."""

    number: int
    vma: int
    address: int
    """The page's address; for a header the VMA's start."""
    header: bool


def parse_line(line: bytes, index: int) -> Vma:
    """One line of maps as a `Vma`.

    Raises:
        ValueError: The line is none.
    """
    head = line.split(None, 5)
    start, _, end = head[0].partition(b"-")
    return Vma(
        start=int(start, 16),
        end=int(end, 16),
        perms=head[1].decode("ascii"),
        offset=int(head[2], 16),
        dev=head[3].decode("ascii"),
        inode=int(head[4]),
        path=os.fsdecode(head[5]) if len(head) > 5 else "",
        index=index,
    )


class AddressSpace:
    """The VMAs of one moment, from the text of /proc/PID/maps.

    It holds the text and, for each VMA, four machine words: start, end, first row, and offset in the text.
    Every question is answered by bisection. Rows number the list that the explorer shows: for each VMA a header
    row, then a row a page.

    Args:
        text: The whole text of maps.
    """

    def __init__(self, text: bytes) -> None:
        self.text: Final = text
        self.starts: Final = array("Q")
        self.ends: Final = array("Q")
        self._rows: Final = array("Q", [0])
        self._lines: Final = array("Q", [0])
        for chunk in _chunks(text):
            self._index(chunk)
        self._longest: int | None = None

    @classmethod
    def from_ranges(cls, ranges: Iterable[tuple[int, int]], perms: str = "rw-p") -> AddressSpace:
        """An address space of anonymous VMAs at the given `(start, end)` byte ranges, for tests and simulations."""
        return cls(b"".join(b"%x-%x %s 00000000 00:00 0 \n" % (s, t, perms.encode()) for s, t in ranges))

    def _index(self, chunk: bytes) -> None:
        heads = _HEAD.findall(chunk)
        # One int() call per number is the floor in Python; all else here runs in C.
        starts = list(map(int, [h[0] for h in heads], repeat(16)))
        ends = list(map(int, [h[1] for h in heads], repeat(16)))
        lines = chunk.split(b"\n")[: len(heads)]
        if len(heads) != chunk.count(b"\n") or not chunk.endswith(b"\n"):
            raise ValueError("not the text of a maps file")
        self.starts.extend(starts)
        self.ends.extend(ends)
        sizes = map(sub, ends, starts)
        rows = list(accumulate((size // PAGE_SIZE + 1 for size in sizes), initial=self._rows[-1]))
        self._rows.extend(rows[1:])
        offsets = list(accumulate((len(line) + 1 for line in lines), initial=self._lines[-1]))
        self._lines.extend(offsets[1:])

    def __len__(self) -> int:
        """The number of VMAs."""
        return len(self.starts)

    def __iter__(self) -> Iterator[Vma]:
        """The VMAs in order, each parsed as it comes."""
        return (self.vma(i) for i in range(len(self)))

    @property
    def row_count(self) -> int:
        """Rows of the whole list: a header for each VMA and one for each page."""
        return self._rows[-1]

    @property
    def page_count(self) -> int:
        """Pages of all VMAs."""
        return self._rows[-1] - len(self)

    @property
    def longest(self) -> int:
        """Bytes of the longest VMA; 0 without any."""
        if self._longest is None:
            self._longest = max(map(sub, self.ends, self.starts), default=0)
        return self._longest

    def vma(self, index: int) -> Vma:
        """The VMA at `index`, parsed now.

        Raises:
            IndexError: There is none.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        return parse_line(self.line(index), index)

    def line(self, index: int) -> bytes:
        """The maps line of the VMA at `index`, without its newline."""
        return self.text[self._lines[index] : self._lines[index + 1] - 1]

    def find(self, address: int) -> int | None:
        """The index of the VMA that holds `address`, or None."""
        index = bisect_right(self.starts, address) - 1
        return index if index >= 0 and address < self.ends[index] else None

    def first_ending_after(self, address: int) -> int:
        """The index of the first VMA whose end is above `address`; `len(self)` if there is none."""
        return bisect_right(self.ends, address)

    def first_starting_at(self, address: int) -> int:
        """The index of the first VMA that starts at or above `address`; `len(self)` if there is none."""
        return bisect_left(self.starts, address)

    def gap_before(self, index: int) -> int:
        """Bytes between this VMA and the one before it (or address 0)."""
        return self.starts[index] - (self.ends[index - 1] if index else 0)

    def pages_below(self, address: int) -> int:
        """How many mapped pages lie below `address`."""
        index = self.first_ending_after(address)
        pages = self._rows[index] - index
        if index < len(self) and address > self.starts[index]:
            pages += (address - self.starts[index]) // PAGE_SIZE
        return pages

    def mapped_pages(self, start: int, end: int) -> int:
        """How many pages of `[start, end)` lie in a VMA."""
        return self.pages_below(end) - self.pages_below(start)

    def mapped_ranges(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of `[start, end)` that lie in VMAs, in order; adjacent VMAs give one range each."""
        for index in range(self.first_ending_after(start), len(self)):
            if self.starts[index] >= end or start >= end:
                return
            yield max(start, self.starts[index]), min(end, self.ends[index])

    def row_of_vma(self, index: int) -> int:
        """The row number of a VMA's header."""
        return self._rows[index]

    def row_of(self, address: int) -> int | None:
        """The row number of the page that holds `address`, or None if no VMA does."""
        index = self.find(address)
        if index is None:
            return None
        return self._rows[index] + 1 + (address - self.starts[index]) // PAGE_SIZE

    def row_near(self, address: int) -> int:
        """The row of `address`, or of the header of the next VMA, or the last row."""
        row = self.row_of(address)
        if row is not None:
            return row
        index = self.first_starting_at(address)
        return self._rows[index] if index < len(self) else max(0, self.row_count - 1)

    def vma_of_row(self, number: int) -> int:
        """The index of the VMA to which row `number` belongs.

        Raises:
            IndexError: There is no such row.
        """
        if not 0 <= number < self.row_count:
            raise IndexError(number)
        return bisect_right(self._rows, number) - 1

    def row(self, number: int) -> Row:
        """The row `number`.

        Raises:
            IndexError: There is no such row.
        """
        index = self.vma_of_row(number)
        page = number - self._rows[index] - 1
        if page < 0:
            return Row(number, index, self.starts[index], header=True)
        return Row(number, index, self.starts[index] + page * PAGE_SIZE, header=False)

    def rows(self, first: int, count: int) -> list[Row]:
        """The rows from `first` on, at most `count`: the work of one screen, whatever the target's size."""
        stop = min(first + count, self.row_count)
        result: list[Row] = []
        number = max(0, first)
        while number < stop:
            index = self.vma_of_row(number)
            head, tail = self._rows[index], min(self._rows[index + 1], stop)
            start = self.starts[index]
            result.extend(
                Row(n, index, start + max(0, n - head - 1) * PAGE_SIZE, n == head) for n in range(number, tail)
            )
            number = tail
        return result

    def changed_ranges(self, other: AddressSpace) -> list[tuple[int, int]]:
        """Byte ranges of the VMAs that differ between this moment and `other`, in order, merged."""
        if self.text == other.text:
            return []
        differ = set(self.text.split(b"\n")) ^ set(other.text.split(b"\n"))
        ranges = sorted((int(m[1], 16), int(m[2], 16)) for m in map(_HEAD.match, differ) if m)
        return merge_ranges(ranges)


def merge_ranges(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges with those that touch or overlap joined."""
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _chunks(text: bytes, size: int = 1 << 18) -> Iterator[bytes]:
    """The text in pieces of about `size` bytes, cut at line ends: bounds the memory of indexing."""
    begin = 0
    while begin < len(text):
        stop = text.find(b"\n", min(begin + size, len(text) - 1))
        stop = len(text) if stop < 0 else stop + 1
        yield text[begin:stop]
        begin = stop
