"""An address space that never was: VMAs from hypothesis, entries that follow from addresses, a fake clock."""

import random
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st

from pagemap.reader import PagemapReader
from pagemap.scan import Category, ScanRequest
from pagemap.source import Identity, Reading
from pagemap.state import Visibility
from pagemap.vma import AddressSpace
from tests.kit.kernel import PAGE

LIMIT = 0x7FFFFFFFF000
"""Where pagemap ends on x86-64 with page tables of four levels."""
LIMIT_32 = 0x100000000
VSYSCALL = (0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000)
BLOCK_PAGES = 512
PATIENCE = 20_000
"""Calls after which a reader gives up: nothing here needs as many, so what does is in an endless loop."""

Range = tuple[int, int]


@cache
def _pattern() -> bytes:
    # A prime number of words: no window begins and ends on the same ones as its neighbour.
    chance = random.Random(1)
    kinds = (0, 1 << 63, 1 << 63 | 1 << 56, 1 << 63 | 1 << 61, 1 << 62, 1 << 62 | 1 << 58)
    return array(
        "Q", [(kind := chance.choice(kinds)) | (kind and chance.getrandbits(40)) for _ in range(1021)]
    ).tobytes()


def entry(address: int, salt: int = 0) -> int:
    """The entry of a page; with another salt the memory is another."""
    return int(memoryview(_pattern()).cast("Q")[(address // PAGE + 31 * salt) % 1021])


class Pagemap:
    """What pread(2) gives of such an address space, cut short where wished.

    Args:
        limit: First address that is not covered.
        cut: For the bytes that could be given and the number of the call, from 1, how many are.
        patience: Calls after which it gives up with an AssertionError.
    """

    def __init__(
        self, limit: int = LIMIT, cut: Callable[[int, int], int] | None = None, patience: int = PATIENCE
    ) -> None:
        self.limit = limit
        self.cut = cut
        self.calls: list[tuple[int, int]] = []
        """Bytes asked for and offset of each call."""
        self.given = 0
        self.salt = 0
        self.dead = False
        self.failing: OSError | None = None
        """What the next call raises, once."""
        self._patience = patience

    def __call__(self, fd: int, size: int, offset: int) -> bytes:
        """The pread."""
        assert offset % 8 == 0
        self.calls.append((size, offset))
        assert len(self.calls) <= self._patience, "too many reads: an endless loop"
        if self.failing is not None:
            error, self.failing = self.failing, None
            raise error
        size = 0 if self.dead else max(0, min(size, 0x7FFFF000, self.limit // PAGE * 8 - offset))
        if self.cut is not None and size:
            size = min(size, self.cut(size, len(self.calls)))
        self.given += size
        first = (offset // 8 + 31 * self.salt) % 1021 * 8
        pattern = _pattern()
        if first + size <= len(pattern):
            return pattern[first : first + size]
        return (pattern * (size // len(pattern) + 2))[first : first + size]


def cut_in_two(size: int, call: int) -> int:
    """Reads above 2,048 bytes give 1,024 less than they could, as a shim does to CRIU."""
    return size - 1024 if size > 2048 else size


class FakeClock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


class Synthetic:
    """Such an address space as a source.

    Args:
        space: Its VMAs.
        pagemap: Its entries.
    """

    def __init__(self, space: AddressSpace, pagemap: Pagemap | None = None) -> None:
        self.space = space
        self.pagemap = pagemap or Pagemap()
        self.scans = 0
        self.closed = False
        self._reader = PagemapReader(-1, self.pagemap)

    @property
    def identity(self) -> Identity:
        return Identity(1, 1, "synthetic")

    @property
    def visibility(self) -> Visibility:
        return Visibility(pfn=True)

    @property
    def address_limit(self) -> int:
        return self.pagemap.limit

    @property
    def categories(self) -> Category:
        return Category.PRESENT | Category.SWAPPED

    def read(self, start: int, end: int) -> Reading:
        return self._reader.read(start, end)

    def scan(self, request: ScanRequest) -> "Iterator[array[int]]":
        # One region a populated page: more than a kernel gives, and what fills a vector soonest.
        self.scans += 1
        assert self.scans <= PATIENCE, "too many scans: an endless loop"
        for start, end in self.space.mapped_ranges(request.start, min(request.end, self.address_limit)):
            for low in range(start, end, 1000 * PAGE):
                pages = range(low, min(low + 1000 * PAGE, end), PAGE)
                yield array("Q", [word for page in pages if entry(page) for word in (page, page + PAGE, 0)])

    def maps(self) -> AddressSpace:
        return self.space

    def condition(self) -> str:
        return "gone" if self.pagemap.dead else ""

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class Layout:
    """VMAs and the address limit of one made-up process."""

    ranges: tuple[Range, ...]
    limit: int

    @property
    def space(self) -> AddressSpace:
        """The VMAs."""
        return AddressSpace.from_ranges(self.ranges)

    @property
    def pages(self) -> list[int]:
        """The addresses of all pages that pagemap covers; only for small layouts."""
        return [a for start, end in self.ranges for a in range(start, min(end, self.limit), PAGE)]


_LENGTHS = st.one_of(st.integers(1, 5), st.sampled_from([127, 128, 129, 511, 512, 513, 1024, 1500]))
_GAPS = st.one_of(st.integers(0, 5), st.sampled_from([127, 128, 129, 511, 512, 513, 2000]))
_BASES = st.one_of(st.integers(0, 20), st.sampled_from([383, 384, 385, 511, 512, 513, 0x7FFFF7A00]))


@st.composite
def layouts(draw: st.DrawFn, *, most: int = 10, least: int = 1) -> Layout:
    """Some VMAs, small and as long as a few blocks, adjacent and apart, up to the limit or far below it."""
    at = draw(_BASES)
    ranges = []
    for _ in range(draw(st.integers(least, most))):
        at += draw(_GAPS)
        length = draw(_LENGTHS)
        ranges.append((at * PAGE, (at + length) * PAGE))
        at += length
    room = draw(st.sampled_from([0, 1, 2, 300, 511, 512, 10_000]))
    limit = (at + room) * PAGE
    if draw(st.booleans()):
        ranges.append(VSYSCALL)
    return Layout(tuple(ranges), limit)
