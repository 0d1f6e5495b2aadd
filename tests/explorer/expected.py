"""What the explorer must show of a process, worked out from its maps and pagemap alone, by other means than its own.

The list is built whole, row by row, and every lookup is made one page at a time: slow, and plain to see to be right.
"""

import mmap
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from ctypes import addressof, c_char
from dataclasses import dataclass, field, replace
from typing import Self

from tests.kit import kernel
from tests.kit.kernel import PAGE, RawVma, raw_entries, raw_maps

BLOCK = 2 << 20
"""The default policy: aligned blocks of 2 MiB, trimmed to their first and last mapped page…"""
BLOCKS = 64
"""…of which the 64 used last are held."""
LIMIT = 1 << 47
"""User addresses end here (x86-64 with four levels): what lies above, `[vsyscall]`, no pagemap covers."""
_FILE, _EXCLUSIVE = 1 << 61, 1 << 56


@dataclass(frozen=True)
class Counted:
    """The counters that every lookup or fill changes."""

    lookups: int = 0
    hits: int = 0
    misses: int = 0
    fills: int = 0
    preads: int = 0
    entries_read: int = 0
    entries_used: int = 0

    @classmethod
    def on(cls, screen: str) -> Self | None:
        """What a screen's cache panel shows; None if it shows none."""
        found = {
            name: re.search(rf"\b{name} ([0-9,]+)", screen) for name in ("lookups", "hits", "misses", "fills", "preads")
        }
        used = re.search(r"\bused ([0-9,]+)/([0-9,]+)", screen)
        if used is None or not all(found.values()):
            return None
        numbers = {name: int(match[1].replace(",", "")) for name, match in found.items() if match is not None}
        read, of = (int(text.replace(",", "")) for text in (used[2], used[1]))
        return cls(**numbers, entries_read=read, entries_used=of)


@dataclass(frozen=True)
class Row:
    """One row of the page list.

    Attributes:
        gutter: ``┏━`` where a window begins, ``┃`` where it runs on, ``┗━`` where it ends, ``╺━`` where it does both.
        mark: ``●`` miss, ``·`` hit, ``?`` not resolved; ``▾`` for a VMA's header.
        address: The page's address; for a header the VMA's start.
        state: The page's state by name; empty for a header and where nothing was resolved.
        frame: The PFN or swap slot as it is written; as above.
        word: The entry; None as above.
    """

    gutter: str
    mark: str
    address: int
    state: str = ""
    frame: str = ""
    word: int | None = None

    @property
    def stable(self) -> "Row":
        """Without bit 56 of a file's page: it changes whenever any other process maps or unmaps the same file."""
        if self.word is None or not self.word & _FILE:
            return self
        return replace(self, word=self.word & ~_EXCLUSIVE)


_PAGE = re.compile(
    r"(?P<gutter>┏━|┃ |┗━|╺━|  )(?P<mark>[●·?]) (?P<address>0x[0-9a-f]{12,16}) "
    r"(?:\S (?P<state>[a-z-]+) +(?P<frame>PFN hidden|slot hidden|marker [0-9]+|[0-9a-fx:-]+) (?P<flags>[PSFXDWG.]{7}) "
    r"(?P<word>0x[0-9a-f]{16})|(?P<why>.*))"
)
_HEADER = re.compile(r"(?P<gutter>┃ |  ) ▾ (?P<start>[0-9a-f]{12,16})-[0-9a-f]{12,16} ")


def parse_row(line: str) -> Row | None:
    """A line of the page list as it stands on the screen; None for a blank one."""
    if found := _HEADER.match(line):
        return Row(found["gutter"].strip(), "▾", int(found["start"], 16))
    found = _PAGE.match(line)
    if found is None:
        assert not line.strip(" │█"), f"neither a page nor a header: {line!r}"
        return None
    state, frame, word = (found[name] or "" for name in ("state", "frame", "word"))
    row = Row(found["gutter"].strip(), found["mark"], int(found["address"], 16), state, frame)
    if not word:
        return row
    entry = int(word, 16)
    bits = ((63, "P"), (62, "S"), (61, "F"), (56, "X"), (55, "D"), (57, "W"), (58, "G"))
    assert found["flags"] == "".join(letter if entry >> bit & 1 else "." for bit, letter in bits), line
    return replace(row, word=entry)


@dataclass
class Explored:
    """A process as the explorer must show it: scroll it alongside.

    Attributes:
        pid: The process.
        maps: Its VMAs.
        visible: Row numbers that are visible.
        counted: The counters.
        pfn_visible: Whether the explorer under test may see PFNs.
    """

    pid: int
    maps: Sequence[RawVma] = ()
    visible: range = range(0)
    counted: Counted = Counted()
    pfn_visible: bool = True
    _held: "OrderedDict[int, tuple[int, int]]" = field(default_factory=OrderedDict)
    _used: set[int] = field(default_factory=set)
    _marks: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the maps and number the rows."""
        self.maps = self.maps or raw_maps(self.pid)
        self._rows: list[tuple[RawVma, int | None]] = []
        for vma in self.maps:
            self._rows.append((vma, None))
            self._rows.extend((vma, address) for address in range(vma.start, vma.end, PAGE))

    @property
    def row_count(self) -> int:
        """Rows of the whole list."""
        return len(self._rows)

    @property
    def windows(self) -> list[tuple[int, int]]:
        """The held windows by address."""
        return sorted(self._held.values())

    def row_of(self, address: int) -> int:
        """The number of the row of a page."""
        return next(number for number, (_, page) in enumerate(self._rows) if page == address)

    def show(self, top: int, height: int) -> Counted:
        """Make rows the visible ones: those that were not visible are looked up, in order."""
        rows = range(top, min(top + height, len(self._rows)))
        self._marks = {number: mark for number, mark in self._marks.items() if number in rows}
        for number in rows:
            address = self._rows[number][1]
            if number not in self.visible and address is not None and address < LIMIT:
                self._marks[number] = self._look_up(address)
        self.visible = rows
        return self.counted

    def scroll(self, rows: int) -> Counted:
        """Move the visible rows, as far as the list goes."""
        top = max(0, min(self.visible.start + rows, self.row_count - len(self.visible)))
        return self.show(top, len(self.visible))

    def rows(self) -> list[Row]:
        """The visible rows as they must be now, by a fresh reading of the process's pagemap."""
        return [self._row(number).stable for number in self.visible]

    def _look_up(self, address: int) -> str:
        block = address // BLOCK
        hit = block in self._held
        c = self.counted
        if hit:
            self._held.move_to_end(block)
            self.counted = replace(c, lookups=c.lookups + 1, hits=c.hits + 1)
        else:
            start, end = self._trimmed(block)
            if len(self._held) == BLOCKS:
                self._held.popitem(last=False)
            self._held[block] = (start, end)
            self._used -= set(range(start, end, PAGE))
            self.counted = replace(
                c,
                lookups=c.lookups + 1,
                misses=c.misses + 1,
                fills=c.fills + 1,
                preads=c.preads + 1,
                entries_read=c.entries_read + (end - start) // PAGE,
            )
        if address not in self._used:
            self._used.add(address)
            self.counted = replace(self.counted, entries_used=self.counted.entries_used + 1)
        return "·" if hit else "●"

    def _trimmed(self, block: int) -> tuple[int, int]:
        low, high = block * BLOCK, (block + 1) * BLOCK
        inside = [(max(v.start, low), min(v.end, high)) for v in self.maps if v.start < high and low < v.end]
        return inside[0][0], inside[-1][1]

    def _row(self, number: int) -> Row:
        vma, address = self._rows[number]
        if address is None:
            held = self._held.get(vma.start // BLOCK)
            across = held is not None and held[0] < vma.start
            return Row("┃" if across else "", "▾", vma.start)
        if address >= LIMIT:
            return Row("", "?", address)
        held = self._held.get(address // BLOCK)
        gutter = ""
        if held is not None:
            begins, ends = address == held[0], address + PAGE == held[1]
            gutter = {(True, True): "╺━", (True, False): "┏━", (False, True): "┗━", (False, False): "┃"}[begins, ends]
        word = raw_entries(self.pid, address, address + PAGE)[0]
        if not self.pfn_visible and word >> 62:
            word &= ~((1 << 55) - 1)
        state = state_of(word, vma, pfn_visible=self.pfn_visible)
        return Row(gutter, self._marks.get(number, "?"), address, state, self._frame(word), word)

    def _frame(self, word: int) -> str:
        if kernel.present(word):
            return f"{kernel.pfn(word):#x}" if self.pfn_visible else "PFN hidden"
        if kernel.swapped(word):
            kind, offset = kernel.swap_type(word), kernel.swap_offset(word)
            # Type 31 is no swap file but a page-table marker.
            slot = f"marker {offset}" if kind == 31 else f"{kind}:{offset:#x}"
            return slot if self.pfn_visible else "slot hidden"
        return "-"


def state_of(word: int, vma: RawVma, *, pfn_visible: bool = True) -> str:
    """The state of a page of an ordinary process, in the screen's words."""
    named = vma.path.startswith(b"/")
    shared = vma.path.startswith((b"/memfd:", b"/dev/shm/", b"/SYSV", b"[anon_shmem", b"[vdso]", b"/dev/zero (del"))
    if kernel.present(word):
        if kernel.file_or_shared(word):
            if shared:
                return "shared-memory"
            return "file" if named else "huge-zero"
        if kernel.exclusive(word):
            return "anonymous"
        if not pfn_visible:
            return "anon-shared"
        return "zero" if kernel.pfn(word) == zero_frame() else "cow"
    if kernel.swapped(word):
        return "guard" if kernel.guard(word) else "swapped"
    return "not-walkable" if vma.path.startswith(b"[vvar") else "absent"


def zero_frame() -> int:
    """The PFN of the zero page: that of a page of ours which was read and never written."""
    area = mmap.mmap(-1, PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    assert area[0] == 0
    anchor = c_char.from_buffer(area)
    try:
        start = addressof(anchor)
        return kernel.pfn(raw_entries(os.getpid(), start, start + PAGE)[0])
    finally:
        del anchor
        area.close()
