"""A target that never was: a fixed address space whose entries follow from their addresses, in every state there is."""

from array import array
from collections.abc import Iterator

from pagemap.process import KERNEL_THREAD, ZOMBIE, ProcessInfo
from pagemap.scan import Category, ScanRequest
from pagemap.scan_fallback import categories, scan_entries
from pagemap.source import Identity, Reading
from pagemap.state import Visibility
from pagemap.vma import AddressSpace
from tests.kit.kernel import PAGE

MAPS = b"""\
555555554000-555555558000 r--p 00000000 08:01 1311 /usr/bin/example
555555558000-55555555e000 r-xp 00004000 08:01 1311 /usr/bin/example
55555555e000-555555560000 rw-p 0000a000 08:01 1311 /usr/bin/example
555555560000-555555581000 rw-p 00000000 00:00 0 [heap]
7ffff6200000-7ffff6a00000 rw-p 00000000 00:00 0\x20
7ffff7a00000-7ffff7a28000 r--s 00000000 08:01 2718 /var/lib/example/an index with a long name.db
7ffff7c00000-7ffff7c04000 rw-s 00000000 00:01 3141 /memfd:[b]ring[/] (deleted)
7ffff7fc1000-7ffff7fc5000 r--p 00000000 00:00 0 [vvar]
7ffff7fc5000-7ffff7fc7000 r-xp 00000000 00:00 0 [vdso]
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
"""
LIMIT = 0x7FFFFFFFF000
_PRESENT, _SWAP, _FILE = 1 << 63, 1 << 62, 1 << 61
_GUARD, _UFFD_WP, _EXCLUSIVE, _SOFT_DIRTY = 1 << 58, 1 << 57, 1 << 56, 1 << 55
_FRAME = _SOFT_DIRTY - 1
_ZERO_PFN = 0x2A5
_MARKER = 31
_HEAP = (
    # absent, zero, anonymous twice, copy-on-write, swapped, guard, userfaultfd-wp, poison, and one that cannot be
    *(0, _PRESENT | _ZERO_PFN, _PRESENT | _EXCLUSIVE, _PRESENT | _EXCLUSIVE | _SOFT_DIRTY, _PRESENT, _SWAP),
    *(_SWAP | _GUARD | 4 << 5 | _MARKER, _SWAP | _UFFD_WP | 1 << 5 | _MARKER, _SWAP | 2 << 5 | _MARKER, 3 << 59),
)


def entry(address: int) -> int:
    """The entry of a page."""
    number = address // PAGE
    frame = number * 2_654_435_761 % (1 << 21) + 0x1000
    if 0x555555560000 <= address < 0x555555581000:
        word = _HEAP[number % len(_HEAP)]
        if word in (_PRESENT, _PRESENT | _EXCLUSIVE, _PRESENT | _EXCLUSIVE | _SOFT_DIRTY):
            return word | frame
        return word | frame << 5 if word == _SWAP else word
    if address in (0x555555556000, 0x55555555B000) or 0x7FFFF7FC1000 <= address < 0x7FFFF7FC5000:
        return 0
    if address < 0x55555555E000 or 0x7FFFF7A00000 <= address < 0x7FFFF7FC7000:
        return _PRESENT | _FILE | frame | (0 if number % 3 else _EXCLUSIVE)
    return _PRESENT | _EXCLUSIVE | frame if number % 5 else 0


class Synthetic:
    """The target as a source.

    Args:
        pfn: Whether this user is to see PFNs.
    """

    def __init__(self, *, pfn: bool = True) -> None:
        self.text = MAPS
        """Its maps; may be changed."""
        self.ended = ""
        """What became of it; once set, nothing can be read any more."""
        self.changed: dict[int, int] = {}
        """Entries that are others than they were."""
        self.closed = False
        self._pfn = pfn
        self._space = AddressSpace(MAPS)

    @property
    def identity(self) -> Identity:
        return Identity(1234, 5678, "example")

    @property
    def visibility(self) -> Visibility:
        return Visibility(self._pfn, _ZERO_PFN if self._pfn else None, swap_files=1, soft_dirty=True)

    @property
    def address_limit(self) -> int:
        return LIMIT

    @property
    def categories(self) -> Category:
        return categories(self.visibility)

    def read(self, start: int, end: int) -> Reading:
        words = array("Q", () if self.ended else map(self._word, range(start, min(end, LIMIT), PAGE)))
        return Reading(memoryview(words), 1, 0)

    def _word(self, address: int) -> int:
        word = self.changed.get(address, entry(address))
        return word if self._pfn else word & ~_FRAME

    def scan(self, request: ScanRequest) -> "Iterator[array[int]]":
        return scan_entries(self, self.maps(), request, self.visibility)

    def maps(self) -> AddressSpace:
        if self._space.text != self.text:
            self._space = AddressSpace(self.text)
        return self._space

    def condition(self) -> str:
        return self.ended

    def close(self) -> None:
        self.closed = True


def processes() -> Iterator[ProcessInfo]:
    """A process list that is the same everywhere."""
    yield ProcessInfo(1, 0, "root", "init", "/sbin/init", 12_300_000, 0, readable=True, reason="")
    yield ProcessInfo(2, 0, "root", "kthreadd", "", 0, 0, readable=False, reason=KERNEL_THREAD)
    yield ProcessInfo(1234, 1, "ada", "example", "/usr/bin/example --all", 8_600_000, 131_072, readable=True, reason="")
    yield ProcessInfo(
        *(77, 1, "alonzo", "lambda", "lambda calculus", 4_100_000, None),
        readable=False,
        reason="permission denied: it belongs to alonzo",
    )
    yield ProcessInfo(4321, 1, "ada", "[/] \x1b[31mred", "\x1b]0;title\x07", 990_000, 0, readable=True, reason="")
    yield ProcessInfo(4444, 1234, "ada", "gone", "", 0, 0, readable=False, reason=ZOMBIE)
