"""What this kernel and this user can see, found by trying it, and what would make more visible.

Every probe works on this very process: nothing else is touched.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from typing import TYPE_CHECKING, Final

from pagemap.entry import ENTRY_BYTES, PFN_MASK, PRESENT, SOFT_DIRTY
from pagemap.errors import PagelensError
from pagemap.finding import Finding, missing
from pagemap.process import check_system, read_stat
from pagemap.state import Visibility
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN: Final = "hidden: needs CAP_SYS_ADMIN"


def visibility() -> Visibility:
    """What of a pagemap entry is shown to this user, by reading two pages of our own: one read, one written."""
    area = mmap.mmap(-1, 2 * PAGE_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    anchor = ctypes.c_char.from_buffer(area)
    try:
        _ = area[0]
        area[PAGE_SIZE] = 1
        address = ctypes.addressof(anchor)
        fd = os.open("/proc/self/pagemap", os.O_RDONLY)
        try:
            data = os.pread(fd, 2 * ENTRY_BYTES, address // PAGE_SIZE * ENTRY_BYTES)
        finally:
            os.close(fd)
    finally:
        del anchor
        area.close()
    read, written = (int.from_bytes(data[i : i + ENTRY_BYTES], sys.byteorder) for i in (0, ENTRY_BYTES))
    shown = bool(written & PRESENT and written & PFN_MASK)
    return Visibility(
        pfn=shown,
        zero_pfn=read & PFN_MASK if shown and read & PRESENT else None,
        swap_files=swap_files(),
        soft_dirty=bool(written & SOFT_DIRTY),
    )


def swap_files() -> int:
    """How many swap files and devices are in use (rows of /proc/swaps); 0 where it cannot be read."""
    try:
        with open("/proc/swaps", "rb") as file:
            return max(0, sum(1 for _ in file) - 1)
    except OSError:
        return 0


def _readable(path: str) -> str:
    """Empty if this user can open `path` for reading, else the reason."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""


def findings() -> Iterator[Finding]:
    """Everything that `pagelens doctor` reports, each tried as it is reached.

    Raises:
        UnsupportedSystemError: Not Linux, no /proc, or no pagemap.
    """
    from pagemap.features import features

    check_system()
    sight = visibility()
    yield Finding("kernel", available=True, detail=f"Linux {os.uname().release}, {PAGE_SIZE}-byte pages")
    yield Finding("pagemap", available=True, detail="entries of one's own processes can be read")
    if sight.pfn:
        yield Finding("PFN", available=True, detail="page frame numbers, swap types and offsets are shown")
    else:
        yield missing("PFN", f"PFN {HIDDEN}; the kernel writes 0", "run pagelens as root, or give it CAP_SYS_ADMIN")
    yield _other_users()
    yield _swap()
    if sight.soft_dirty:
        yield Finding("soft-dirty", available=True, detail="bit 55 is tracked")
    else:
        reason = "this kernel was built without CONFIG_MEM_SOFT_DIRTY: bit 55 is always 0"
        yield missing("soft-dirty", reason, "a kernel with CONFIG_MEM_SOFT_DIRTY=y")
    for path, what in _PHYSICAL_FILES:
        yield _file(path, what)
    yield from features(sight)


_PHYSICAL_FILES: Final = (
    ("/proc/kpageflags", "flags of a page frame"),
    ("/proc/kpagecount", "how often a page frame is mapped"),
    ("/proc/kpagecgroup", "memory cgroup that a page frame is charged to"),
)


def _file(path: str, what: str) -> Finding:
    name = path.rpartition("/")[2]
    why = _readable(path)
    if not why:
        return Finding(name, available=True, detail=what)
    remedy = (
        "run pagelens as root" if os.path.exists(path) else "a kernel with CONFIG_PROC_PAGE_MONITOR and CONFIG_MEMCG"
    )
    return Finding(name, available=False, detail=what, reason=why, remedy=remedy)


def _other_users() -> Finding:
    """Whether other users' processes can be read: tried on those there are, until one can."""
    name = "other users"
    mine = os.geteuid()
    capable = _capable()
    others = denied = 0
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{number}").st_uid == mine or read_stat(int(number)).memoryless:
                continue
        except (OSError, PagelensError):
            continue
        others += 1
        if not _readable(f"/proc/{number}/pagemap"):
            return Finding(name, available=True, detail="processes of other users can be read")
        denied += 1
        if denied >= _TRIES:
            break
    if not others and capable:
        return Finding(name, available=True, detail="no other user has a process now; this user's capabilities suffice")
    if capable:
        remedy = "see what the system's security module or sandbox allows"
        return missing(name, "permission denied although this user's capabilities suffice", remedy)
    reason = "their processes cannot be read: permission denied"
    if not others:
        reason = "no other user has a process now, and this user lacks the capabilities to read one"
    return missing(name, reason, "run pagelens as root (CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH)")


def _capable() -> bool:
    """Whether the effective capabilities pass both checks for another user's pagemap, as of Linux 6.18.

    fs/proc/task_mmu.c asks for ptrace access; the file's mode, 0400, asks for a way around permissions beside it.
    """
    try:
        with open("/proc/self/status", "rb") as file:
            held = next((int(line.split()[1], 16) for line in file if line.startswith(b"CapEff:")), 0)
    except OSError:
        return False
    return bool(held & _PASSING_ACCESS and held & _PASSING_MODE)


_TRIES: Final = 20
_PASSING_ACCESS: Final = 1 << 19 | 1 << 21 | 1 << 38
"""CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON: include/uapi/linux/capability.h."""
_PASSING_MODE: Final = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH."""


def _swap() -> Finding:
    count = swap_files()
    if count:
        return Finding("swap", available=True, detail=f"{count} swap file or device{'s' * (count != 1)} in use")
    remedy = "as root: make a swap file with mkswap and switch it on with swapon"
    return missing("swap", "no swap is in use: no page can be swapped", remedy)
