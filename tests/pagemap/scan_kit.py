"""What the tests of scans and searches share: watched kernels, and targets whose every page is known."""

import errno
import fcntl
import os
import struct

from pagemap.live import LiveProcess
from pagemap.scan import ALL, DETAIL, Category, PagemapScanner, Region
from pagemap.source import Reading
from tests.kit import kernel
from tests.kit.kernel import PAGE
from tests.kit.targets import Area, Target


class Kernel:
    """The real ioctl, watched, and where wished refusing what an older kernel refuses."""

    def __init__(self, categories: Category = ALL) -> None:
        self.categories = categories
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, fd: int, request: int, argument: bytearray) -> int:
        words = struct.unpack("12Q", argument)
        self.calls.append(words)
        assert request == 0xC0606610
        assert words[1] == 0, "a flag was passed: a scan must change nothing"
        if not self.categories:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        if any(mask & ~self.categories for mask in words[8:]):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        regions: int = fcntl.ioctl(fd, request, argument)
        return regions

    @property
    def scans(self) -> list[tuple[int, ...]]:
        """The calls that walked anything: those over an empty range only ask what the kernel knows."""
        return [words for words in self.calls if words[2] < words[3]]


class Scanner(PagemapScanner):
    """A scanner over a live process and a kernel of our choice, as a thing that can be searched."""

    def __init__(self, source: LiveProcess, kernel: Kernel) -> None:
        super().__init__(source.reader, source.visibility, source.maps, kernel)
        self.source = source

    def read(self, start: int, end: int) -> Reading:
        return self.source.read(start, end)


class Mixed:
    """A target with pages in every state, and what a brute-force decode says of each."""

    def __init__(self, target: Target) -> None:
        self.target = target
        zero = target.do("zero", pages=3)
        target.do("untouched", pages=5)
        self.written = target.do("written", pages=7)
        target.do("written", pages=1)
        target.do("memfd", pages=4)
        self.huge = target.do("thp", pages=1024)
        self.huge_zero = target.do("thp_zero", pages=512)
        self.swapped = target.do("swapped", pages=9)
        self.guard = target.do("guard", pages=6)
        target.do("shared_anon", pages=3)
        target.do("fork_shared", pages=5)
        target.do("prot_none", pages=4, write=True)
        checkered = target.do("reserve", size=1 << 24, touched=list(range(0, 1400, 2)))
        target.do("read", start=checkered.page(1001), end=checkered.page(1040))
        split = target.do("written", pages=8)
        # Two VMAs side by side: the regions of their pages reach over the border.
        target.do("mprotect", start=split.page(3), end=split.end, protection=1)
        self.zero_pfn = kernel.pfn(kernel.raw_entries(target.pid, zero.start, zero.end)[0])

    def categories(self) -> dict[int, int]:
        """The categories of every populated page of the process."""
        told = {}
        for vma in kernel.raw_maps(self.target.pid):
            for number, entry in enumerate(kernel.raw_entries(self.target.pid, vma.start, vma.end)):
                if entry >> 62:
                    told[vma.start + number * PAGE] = self._categories(vma.start + number * PAGE, entry)
        return told

    def _categories(self, address: int, entry: int) -> int:
        if self.huge_zero.start <= address < self.huge_zero.end:
            return Category.PRESENT | Category.PFNZERO | Category.HUGE
        told = 0
        if kernel.present(entry):
            told |= Category.PRESENT
            if kernel.pfn(entry) == self.zero_pfn:
                told |= Category.PFNZERO
            if self.huge.start <= address < self.huge.end:
                told |= Category.HUGE
        if kernel.swapped(entry):
            told |= Category.SWAPPED
        if kernel.file_or_shared(entry):
            told |= Category.FILE
        if kernel.guard(entry):
            told |= Category.GUARD
        return told

    def regions(self, start: int, end: int, returning: int = DETAIL) -> list[Region]:
        """The populated regions of a range, page by page put together."""
        regions: list[Region] = []
        for address, told in sorted(self.categories().items()):
            if not start <= address < end:
                continue
            last = regions[-1] if regions else None
            if last and last.end == address and last.categories == told & returning:
                regions[-1] = last._replace(end=address + PAGE)
            else:
                regions.append(Region(address, address + PAGE, told & returning))
        return regions


def spread(target: Target) -> Area:
    """A 16 TiB reserve with 1,000 pages touched all over it."""
    step = (16 << 40) // PAGE // 1000
    return target.do("reserve", size=16 << 40, touched=[step // 2 + step * i for i in range(1000)])
