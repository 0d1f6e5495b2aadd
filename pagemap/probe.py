"""What this kernel and this user can see, found by trying it, and what would make more visible.

Every probe works on this very process: nothing else is touched.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from dataclasses import dataclass
from typing import Any, Final

from pagemap.entry import ENTRY_BYTES, PFN_MASK, PRESENT, SOFT_DIRTY
from pagemap.process import check_system
from pagemap.state import Visibility
from pagemap.vma import PAGE_SIZE

HIDDEN: Final = "hidden: needs CAP_SYS_ADMIN"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that this system can or cannot show.

    Attributes:
        feature: What.
        available: Whether it can be seen here.
        detail: What was found.
        reason: Why it cannot be seen; empty if it can.
        remedy: What would make it visible; empty if nothing is missing.
    """

    feature: str
    available: bool
    detail: str = ""
    reason: str = ""
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """The fields of `pagelens doctor --json`."""
        return {
            "feature": self.feature,
            "available": self.available,
            "detail": self.detail or None,
            "reason": self.reason or None,
            "remedy": self.remedy or None,
        }


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


def findings() -> list[Finding]:
    """Everything that `pagelens doctor` reports.

    Raises:
        UnsupportedSystemError: Not Linux, no /proc, or no pagemap.
    """
    check_system()
    sight = visibility()
    root = "run pagelens as root, or give it CAP_SYS_ADMIN"
    release = os.uname().release
    found = [
        Finding("kernel", available=True, detail=f"Linux {release}, {PAGE_SIZE}-byte pages"),
        Finding("pagemap", available=True, detail="entries of one's own processes can be read"),
        Finding("PFN", sight.pfn, "page frame numbers, swap types and offsets are shown" if sight.pfn else "")
        if sight.pfn
        else Finding("PFN", available=False, reason=f"PFN {HIDDEN}: the kernel writes 0", remedy=root),
        _other_users(),
        _swap_finding(),
        Finding("soft-dirty", available=True, detail="bit 55 is tracked")
        if sight.soft_dirty
        else Finding(
            "soft-dirty",
            available=False,
            reason="this kernel was built without CONFIG_MEM_SOFT_DIRTY: bit 55 is always 0",
            remedy="a kernel with CONFIG_MEM_SOFT_DIRTY=y",
        ),
    ]
    found += [_file_finding(path, what) for path, what in _PHYSICAL_FILES]
    return found


_PHYSICAL_FILES: Final = (
    ("/proc/kpageflags", "flags of a page frame"),
    ("/proc/kpagecount", "how often a page frame is mapped"),
    ("/proc/kpagecgroup", "memory cgroup that a page frame is charged to"),
)


def _file_finding(path: str, what: str) -> Finding:
    name = path.rpartition("/")[2]
    why = _readable(path)
    if not why:
        return Finding(name, available=True, detail=what)
    remedy = "run pagelens as root" if os.path.exists(path) else "a kernel with CONFIG_PROC_PAGE_MONITOR and memcg"
    return Finding(name, available=False, detail=what, reason=why, remedy=remedy)


def _other_users() -> Finding:
    """Whether processes of other users can be read: tried on PID 1, which belongs to root."""
    why = _readable("/proc/1/pagemap")
    if os.stat("/proc/1").st_uid == os.geteuid() and not why:
        return Finding("other users", available=True, detail="as this user every process can be read")
    if not why:
        return Finding("other users", available=True, detail="processes of other users can be read")
    remedy = "run pagelens as root (CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH)"
    return Finding("other users", available=False, reason=f"PID 1 cannot be read: {why}", remedy=remedy)


def _swap_finding() -> Finding:
    count = swap_files()
    if count:
        return Finding("swap", available=True, detail=f"{count} swap file{'s' * (count != 1)} or devices in use")
    return Finding(
        "swap",
        available=False,
        reason="no swap is in use: no page can be swapped",
        remedy="as root: make a swap file with mkswap and switch it on with swapon",
    )
