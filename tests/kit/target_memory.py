"""How the target makes memory of each kind: runs in the target, at addresses of its own choosing.

Everything is placed in a zone that the kernel never picks by itself, with gaps between, so that every
area is a VMA with exactly the bounds that were asked for and stays one.
"""

import os
import select
from collections.abc import Iterable, Sequence

from tests.kit import libc
from tests.kit.libc import PAGE, PROT_NONE, PROT_READ, PROT_WRITE

READ_WRITE = PROT_READ | PROT_WRITE
HUGE = 2 << 20
_PRIVATE = libc.MAP_PRIVATE | libc.MAP_ANONYMOUS
_SHARED = libc.MAP_SHARED | libc.MAP_ANONYMOUS
_ROOM_FOR_ITSELF = 32
"""VMAs left free for the interpreter when the limit is filled up."""


class Unavailable(Exception):
    """The kernel, or this user, cannot make a state; says which requirement is missing."""


class Zone:
    """Hands out addresses, upwards, from the middle of a 47-bit address space."""

    def __init__(self) -> None:
        """Begin at 16 TiB: above what is linked to fixed addresses, below programs, heap and libraries."""
        self._next = 1 << 44

    def place(self, length: int, align: int = PAGE, gap: int = 64 * PAGE) -> int:
        """An address for `length` bytes, `gap` bytes or more above what was handed out before."""
        start = -(-(self._next + gap) // align) * align
        self._next = start + length
        return start


class Memory:
    """The areas of one target."""

    def __init__(self) -> None:
        """Begin with none."""
        self.zone = Zone()

    def map(
        self,
        pages: int,
        flags: int = _PRIVATE,
        protection: int = READ_WRITE,
        fd: int = -1,
        *,
        align: int = PAGE,
        huge: bool = False,
    ) -> int:
        """Map `pages` pages as a VMA of their own and return the address."""
        length = pages * PAGE
        start = libc.mmap(self.zone.place(length, align), length, protection, flags | libc.MAP_FIXED_NOREPLACE, fd)
        if flags & libc.MAP_ANONYMOUS:
            _huge_pages(start, length, huge)
        return start

    def anonymous(self, pages: int, *, write: bool = False, read: bool = False, shared: bool = False) -> int:
        """Anonymous memory, private or shared, untouched, read or written."""
        start = self.map(pages, _SHARED if shared else _PRIVATE)
        if write:
            write_pages(range(start, start + pages * PAGE, PAGE))
        if read:
            read_pages(range(start, start + pages * PAGE, PAGE))
        return start

    def huge(self, pages: int, *, write: bool) -> int:
        """Transparent huge pages, written or (the huge zero page) only read."""
        start = self.map(pages, align=HUGE, huge=True)
        touched = range(start, start + pages * PAGE, HUGE)
        write_pages(touched) if write else read_pages(touched)
        if not all(entry >> 63 for entry in entries(start, pages)):
            raise Unavailable("transparent huge pages are switched off, or there was no free huge page")
        return start

    def file(self, path: str, pages: int, *, shared: bool, read: bool, write: bool, unlink: bool) -> int:
        """A mapping of a file that is at least `pages` pages long."""
        fd = os.open(os.fsencode(path), os.O_RDWR)
        try:
            start = self.map(pages, libc.MAP_SHARED if shared else libc.MAP_PRIVATE, fd=fd)
        finally:
            os.close(fd)
        if unlink:
            os.unlink(os.fsencode(path))
        if read:
            read_pages(range(start, start + pages * PAGE, PAGE))
        if write:
            write_pages(range(start, start + pages * PAGE, PAGE))
        return start

    def memfd(self, pages: int, mappings: int, name: str) -> list[int]:
        """A written memfd, mapped one or more times and touched through each mapping; the addresses."""
        fd = os.memfd_create(name, 0)
        try:
            os.ftruncate(fd, pages * PAGE)
            starts = [self.map(pages, libc.MAP_SHARED, fd=fd) for _ in range(mappings)]
        finally:
            os.close(fd)
        for start in starts:
            write_pages(range(start, start + pages * PAGE, PAGE))
        return starts

    def swapped(self, pages: int) -> int:
        """Private anonymous memory, written and then swapped out to the last page."""
        start = self.anonymous(pages, write=True)
        page_out(start, pages)
        return start

    def guard(self, pages: int) -> int:
        """Written memory under guard markers: touching it is a fault."""
        start = self.anonymous(pages, write=True)
        try:
            libc.madvise(start, pages * PAGE, libc.MADV_GUARD_INSTALL)
        except OSError as error:
            raise Unavailable(f"guard regions need Linux 6.13 ({error.strerror})") from error
        return start

    def no_access(self, pages: int, *, write: bool) -> int:
        """Memory without permissions, written before they were taken away or never touched."""
        start = self.anonymous(pages, write=write)
        libc.mprotect(start, pages * PAGE, PROT_NONE)
        return start

    def reserve(self, size: int, touched: Sequence[int], *, no_access: bool) -> int:
        """One mapping of `size` bytes that counts against no limit, with the pages numbered in `touched` written."""
        start = self.map(size // PAGE, _PRIVATE | libc.MAP_NORESERVE)
        write_pages(start + page * PAGE for page in touched)
        if no_access:
            libc.mprotect(start, size, PROT_NONE)
        return start

    def many(self, count: int | None, pages: Sequence[int], gaps: Sequence[int], touch: int) -> tuple[int, int, int]:
        """Many small VMAs, ``pages[i % len]`` long with ``gaps[i % len]`` pages after them.

        Neighbours without a gap stay apart because every other VMA is read-only.

        Args:
            count: How many; None for as many as the kernel allows this process.
            pages: Their lengths in pages, over and over.
            gaps: The gaps after them in pages, over and over.
            touch: How many pages of each are written, from its start.

        Returns:
            First address, address after the last VMA, and how many there are.
        """
        first = address = self.zone.place(0)
        end, made, mapped = first, 0, []
        merge = 0 in gaps
        while count is None or made < count:
            length = pages[made % len(pages)] * PAGE
            try:
                libc.mmap(address, length, READ_WRITE, _PRIVATE | libc.MAP_FIXED_NOREPLACE)
                write_pages(range(address, address + min(touch * PAGE, length), PAGE))
                if merge and made % 2:
                    libc.mprotect(address, length, PROT_READ)
            except OSError:
                if count is not None:
                    raise
                break
            if count is None:
                mapped.append((address, length))
            end = address + length
            address = end + gaps[made % len(gaps)] * PAGE
            made += 1
        if count is None:
            for start, length in mapped[-_ROOM_FOR_ITSELF:]:
                libc.munmap(start, length)
            made -= _ROOM_FOR_ITSELF
            end = sum(mapped[made - 1])
        self.zone.place(address - first)
        return first, end, made


def _huge_pages(start: int, length: int, wanted: bool) -> None:
    try:
        libc.madvise(start, length, libc.MADV_HUGEPAGE if wanted else libc.MADV_NOHUGEPAGE)
    except OSError as error:
        if wanted:
            raise Unavailable("this kernel has no transparent huge pages") from error


def write_pages(addresses: Iterable[int]) -> None:
    """Write one word to each of some pages, a different one to each, so that no two pages are alike."""
    for address in addresses:
        libc.poke(address, address)


def read_pages(addresses: Iterable[int]) -> None:
    """Read one word of each of some pages."""
    for address in addresses:
        libc.peek(address)


def page_out(start: int, pages: int) -> None:
    """Have pages swapped out, and return once every one of them is; Unavailable if the kernel does not."""
    for _ in range(200):
        libc.madvise(start, pages * PAGE, libc.MADV_PAGEOUT)
        if all(entry >> 62 & 1 for entry in entries(start, pages)):
            return
        # A page in one of the kernel's per-CPU batches, or under writeback, is passed over: let it get out.
        select.poll().poll(5)
    raise Unavailable("the kernel does not swap these pages out: is there swap space? (/proc/swaps)")


def entries(start: int, pages: int) -> list[int]:
    """This process's own pagemap entries."""
    fd = os.open("/proc/self/pagemap", os.O_RDONLY)
    try:
        data = os.pread(fd, pages * 8, start // PAGE * 8)
    finally:
        os.close(fd)
    return memoryview(data).cast("Q").tolist()
