"""The kernel's own answer about a process, read and decoded here without a line of the code under test."""

import os
from array import array
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


# --- pagemap: Documentation/admin-guide/mm/pagemap.rst -----------------------------------------------------------


def raw_entries(pid: int, start: int, end: int) -> list[int]:
    """The pagemap entries of the pages from `start` to `end`, one 64-bit word a page.

    Args:
        pid: The process.
        start: Address of the first page, a multiple of the page size.
        end: Address after the last page.

    Returns:
        The words; fewer than asked for where the address space ends (or is gone).

    Raises:
        OSError: As open(2) of `/proc/PID/pagemap` fails.
    """
    fd = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    try:
        wanted, offset = (end - start) // PAGE * 8, start // PAGE * 8
        data = bytearray()
        while len(data) < wanted and (piece := os.pread(fd, wanted - len(data), offset + len(data))):
            data += piece
    finally:
        os.close(fd)
    return array("Q", bytes(data)).tolist()


def present(entry: int) -> bool:
    """Bit 63: the page is in memory."""
    return entry >> 63 == 1


def swapped(entry: int) -> bool:
    """Bit 62: the page-table entry is neither present nor empty; swap, a migration entry or a marker."""
    return entry >> 62 & 1 == 1


def file_or_shared(entry: int) -> bool:
    """Bit 61: a page of a file, or shared anonymous memory."""
    return entry >> 61 & 1 == 1


def guard(entry: int) -> bool:
    """Bit 58: a guard region (Linux 6.15)."""
    return entry >> 58 & 1 == 1


def uffd_wp(entry: int) -> bool:
    """Bit 57: write-protected by userfaultfd (Linux 5.13)."""
    return entry >> 57 & 1 == 1


def exclusive(entry: int) -> bool:
    """Bit 56: mapped exactly once (Linux 4.2)."""
    return entry >> 56 & 1 == 1


def soft_dirty(entry: int) -> bool:
    """Bit 55: written since the soft-dirty bits were cleared."""
    return entry >> 55 & 1 == 1


def pfn(entry: int) -> int:
    """Bits 0-54 of a present page's entry: its page frame number, 0 where the kernel hides it."""
    return entry % 2**55


def swap_type(entry: int) -> int:
    """Bits 0-4 of a swapped page's entry: the number of the swap area, or a special type."""
    return entry % 32


def swap_offset(entry: int) -> int:
    """Bits 5-54 of a swapped page's entry: the slot in the swap area."""
    return entry % 2**55 // 32


# --- maps and smaps: Documentation/filesystems/proc.rst ----------------------------------------------------------


@dataclass(frozen=True)
class RawVma:
    """One line of `/proc/PID/maps`."""

    start: int
    """First address."""
    end: int
    """Address after the last."""
    perms: bytes
    """For example ``rw-p``."""
    offset: int
    """Offset into the file, in bytes."""
    dev: bytes
    """Device, as ``major:minor`` in hexadecimal."""
    inode: int
    """Inode number, 0 where there is no file."""
    path: bytes
    """The name as the kernel writes it (a newline is ``\\012``), empty where there is none."""


def raw_maps(pid: int) -> list[RawVma]:
    """Every VMA of a process, parsed from `/proc/PID/maps`; empty for a zombie or a kernel thread."""
    return [_vma(line) for line in _lines(f"/proc/{pid}/maps")]


def vma_at(pid: int, address: int) -> RawVma | None:
    """The VMA that holds an address, or None."""
    return next((vma for vma in raw_maps(pid) if vma.start <= address < vma.end), None)


def _vma(line: bytes) -> RawVma:
    # The path may begin or end with blanks of its own: only the padding before it is the kernel's.
    addresses, perms, offset, dev, rest = line.split(b" ", 4)
    inode, _, path = rest.partition(b" ")
    start, end = (int(address, 16) for address in addresses.split(b"-"))
    return RawVma(start, end, perms, int(offset, 16), dev, int(inode), path.lstrip(b" "))


@dataclass(frozen=True)
class Smaps:
    """One VMA of `/proc/PID/smaps`."""

    vma: RawVma
    """Its line in maps."""
    fields: dict[str, int]
    """``Rss``, ``Pss``, ``Swap`` and the rest, in bytes (``THPeligible`` and ``ProtectionKey``: as they are)."""
    flags: frozenset[str]
    """The two-letter codes of VmFlags."""

    def __getitem__(self, field: str) -> int:
        """One of the fields, in bytes."""
        return self.fields[field]


def smaps(pid: int) -> list[Smaps]:
    """Every VMA of a process with its accounting, parsed from `/proc/PID/smaps`."""
    answer: list[Smaps] = []
    for line in _lines(f"/proc/{pid}/smaps"):
        head, _, rest = line.partition(b":")
        if b" " in head:
            answer.append(Smaps(_vma(line), {}, frozenset()))
        elif head == b"VmFlags":
            last = answer.pop()
            answer.append(Smaps(last.vma, last.fields, frozenset(rest.decode().split())))
        else:
            value, *unit = rest.split()
            answer[-1].fields[head.decode()] = int(value) * (1024 if unit == [b"kB"] else 1)
    return answer


def smaps_of(pid: int, start: int) -> Smaps:
    """The accounting of the VMA that begins at `start`; LookupError if none does."""
    for vma in smaps(pid):
        if vma.vma.start == start:
            return vma
    raise LookupError(f"process {pid} has no VMA that begins at {start:#x}")


# --- physical pages: needs root ----------------------------------------------------------------------------------


def kpageflags(frame: int) -> int:
    """The flag word of a page frame."""
    return _physical("kpageflags", frame)


def kpagecount(frame: int) -> int:
    """How many times a page frame is mapped."""
    return _physical("kpagecount", frame)


def _physical(name: str, frame: int) -> int:
    fd = os.open(f"/proc/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int.from_bytes(os.pread(fd, 8, frame * 8), "little")
    finally:
        os.close(fd)


# --- processes ---------------------------------------------------------------------------------------------------


def stat(pid: int) -> list[bytes]:
    """The fields of `/proc/PID/stat`, the PID first, the name whole and without its parentheses."""
    head, _, rest = _read(f"/proc/{pid}/stat").rpartition(b")")
    number, _, name = head.partition(b" (")
    return [number, name, *rest.split()]


def process_state(pid: int) -> str:
    """The state letter of a process: ``S`` sleeping, ``Z`` zombie, …"""
    return stat(pid)[2].decode()


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot: with the PID, its identity."""
    return int(stat(pid)[21])


def kernel_thread() -> int | None:
    """The PID of a kernel thread, or None where none can be seen (in a PID namespace)."""
    for pid in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        with suppress(OSError):  # it ended meanwhile
            if int(stat(pid)[8]) & 0x00200000:  # PF_KTHREAD of include/linux/sched.h
                return pid
    return None


def swap_areas() -> list[bytes]:
    """The swap areas in use, as /proc/swaps writes their paths."""
    return [line.split()[0] for line in _lines("/proc/swaps")[1:]]


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _lines(path: str) -> list[bytes]:
    # Not splitlines(): the kernel escapes a newline in a path, but not a carriage return.
    return _read(path).split(b"\n")[:-1]
