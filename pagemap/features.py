"""What this kernel can do beside showing entries: each feature tried on memory of our own, or read from its setting."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
import sys
from typing import TYPE_CHECKING, Final

from pagemap.entry import ENTRY_BYTES, GUARD
from pagemap.finding import Finding, missing
from pagemap.reader import PagemapReader
from pagemap.scan import ALL, Category, PagemapScanner
from pagemap.vma import PAGE_SIZE, AddressSpace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pagemap.state import Visibility

_MADV_GUARD_INSTALL: Final = 102
_SYS_USERFAULTFD: Final = 323
_SYS_CACHESTAT: Final = 451
"""The same number on every architecture but alpha: scripts/syscall.tbl."""
_PROCMAP_QUERY: Final = 0xC0686611
"""include/uapi/linux/fs.h: _IOWR('f', 17, struct procmap_query)."""
_PROCMAP: Final = struct.Struct("=9Q4I2Q")
"""struct procmap_query: size, flags, address asked for, start and end of the VMA, then what is not asked here."""
_UFFD_USER_MODE_ONLY: Final = 1
_MM: Final = "/sys/kernel/mm"


def features(sight: Visibility) -> Iterator[Finding]:
    """The findings, one a feature."""
    yield _scan(sight)
    yield _procmap_query()
    yield _cachestat()
    yield _guard()
    yield _userfaultfd()
    yield _transparent_huge_pages()
    yield _hugetlb()
    yield _ksm()


def _scan(sight: Visibility) -> Finding:
    fd = os.open("/proc/self/pagemap", os.O_RDONLY)
    try:
        scanner = PagemapScanner(PagemapReader(fd), sight, lambda: AddressSpace(b""))
        if not scanner.has_ioctl:
            return missing(
                "PAGEMAP_SCAN",
                "this kernel has no such ioctl: ranges are found by reading entries, which is slow on huge mappings",
                "Linux 6.7 or later",
            )
        unknown = [category.name or "" for category in Category if category & ALL & ~scanner.categories]
    finally:
        os.close(fd)
    detail = f"all categories but {', '.join(unknown)}" if unknown else "all categories"
    return Finding("PAGEMAP_SCAN", available=True, detail=detail)


def _procmap_query() -> Finding:
    area = mmap.mmap(-1, PAGE_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    anchor = ctypes.c_char.from_buffer(area)
    address = ctypes.addressof(anchor)
    query = bytearray(_PROCMAP.pack(_PROCMAP.size, 0, address, *(0,) * 12))
    fd = os.open("/proc/self/maps", os.O_RDONLY)
    try:
        fcntl.ioctl(fd, _PROCMAP_QUERY, query)
    except OSError as exc:
        reason = f"{exc.strerror}: one VMA cannot be asked for, the whole maps text is read"
        return missing("PROCMAP_QUERY", reason, "Linux 6.11 or later")
    finally:
        os.close(fd)
        del anchor
        area.close()
    start, end = _PROCMAP.unpack(query)[3:5]
    if start <= address < end:
        return Finding("PROCMAP_QUERY", available=True, detail="a VMA can be asked for by its address")
    return missing("PROCMAP_QUERY", "it answers with a VMA that does not hold the address", "another kernel")


def _cachestat() -> Finding:
    try:
        fd = os.memfd_create("pagelens-probe", os.MFD_CLOEXEC)
    except OSError as exc:
        return missing("cachestat", f"no file to try it on: memfd_create: {exc.strerror}", "CONFIG_MEMFD_CREATE")
    try:
        os.write(fd, b"1")
        # struct cachestat_range: offset and length; struct cachestat: five counts, the first of cached pages.
        asked, counts = (ctypes.c_uint64 * 2)(0, PAGE_SIZE), (ctypes.c_uint64 * 5)()
        result, error = _syscall(_SYS_CACHESTAT, fd, ctypes.addressof(asked), ctypes.addressof(counts), 0)
    finally:
        os.close(fd)
    if result < 0:
        return missing("cachestat", os.strerror(error), "Linux 6.5 or later, with CONFIG_CACHESTAT_SYSCALL")
    if counts[0] != 1:
        return missing("cachestat", f"it counts {counts[0]} cached pages in a file of one", "another kernel")
    return Finding("cachestat", available=True, detail="the cached pages of a file can be counted")


def _guard() -> Finding:
    area = mmap.mmap(-1, PAGE_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    anchor = ctypes.c_char.from_buffer(area)
    address = ctypes.addressof(anchor)
    try:
        area.madvise(_MADV_GUARD_INSTALL)
        fd = os.open("/proc/self/pagemap", os.O_RDONLY)
        try:
            word = int.from_bytes(os.pread(fd, ENTRY_BYTES, address // PAGE_SIZE * ENTRY_BYTES), sys.byteorder)
        finally:
            os.close(fd)
    except OSError as exc:
        return missing("guard regions", f"madvise(MADV_GUARD_INSTALL): {exc.strerror}", "Linux 6.13 or later")
    finally:
        del anchor
        area.close()
    if word & GUARD:
        return Finding("guard regions", available=True, detail="bit 58 marks them")
    return missing("guard regions", "they can be made, but this kernel's entries do not say so", "Linux 6.15 or later")


def _syscall(number: int, *arguments: int) -> tuple[int, int]:
    """Result and errno of a system call that the C library may not know."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return result, ctypes.get_errno()


def _userfaultfd() -> Finding:
    if os.uname().machine != "x86_64":
        return missing("userfaultfd", "not tried on this machine's architecture", "")
    fd, error = _syscall(_SYS_USERFAULTFD, os.O_CLOEXEC | _UFFD_USER_MODE_ONLY)
    if fd < 0:
        return missing("userfaultfd", os.strerror(error), "a kernel with CONFIG_USERFAULTFD")
    os.close(fd)
    return Finding("userfaultfd", available=True, detail="write-protect markers can occur (bit 57)")


def _transparent_huge_pages() -> Finding:
    setting = _read(f"{_MM}/transparent_hugepage/enabled")
    if setting is None:
        return missing("huge pages (THP)", "this kernel has none", "a kernel with CONFIG_TRANSPARENT_HUGEPAGE")
    chosen = setting.partition("[")[2].partition("]")[0]
    if chosen == "never":
        remedy = f"as root: echo madvise > {_MM}/transparent_hugepage/enabled"
        return missing("huge pages (THP)", "switched off: enabled is never", remedy)
    return Finding("huge pages (THP)", available=True, detail=f"enabled: {chosen}")


def _hugetlb() -> Finding:
    count = _read("/proc/sys/vm/nr_hugepages")
    if count is None:
        return missing("hugetlb", "this kernel has none", "a kernel with CONFIG_HUGETLBFS")
    if count == "0":
        return missing("hugetlb", "the pool is empty", "as root: sysctl vm.nr_hugepages=N")
    return Finding("hugetlb", available=True, detail=f"{count} pages in the pool")


def _ksm() -> Finding:
    running = _read(f"{_MM}/ksm/run")
    if running is None:
        return missing("KSM", "this kernel has none", "a kernel with CONFIG_KSM")
    if running != "1":
        return missing("KSM", "not running: equal pages are not merged", f"as root: echo 1 > {_MM}/ksm/run")
    return Finding("KSM", available=True, detail="running: equal pages are merged")


def _read(path: str) -> str | None:
    """The text of a setting, or None where it cannot be read."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None
