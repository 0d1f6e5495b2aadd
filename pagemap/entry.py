"""The pagemap entry: one 64-bit word a page, its bits, its decoding.

Source: Documentation/admin-guide/mm/pagemap.rst and fs/proc/task_mmu.c (struct pagemapread, pte_to_pagemap_entry).
An entry stands at offset `address / page_size * 8` of /proc/PID/pagemap, in the machine's byte order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

ENTRY_BYTES: Final = 8

PFN_MASK: Final = (1 << 55) - 1
SWAP_TYPE_MASK: Final = 0x1F
SWAP_TYPE_BITS: Final = 5
SOFT_DIRTY: Final = 1 << 55
EXCLUSIVE: Final = 1 << 56
UFFD_WP: Final = 1 << 57
GUARD: Final = 1 << 58
FILE: Final = 1 << 61
SWAP: Final = 1 << 62
PRESENT: Final = 1 << 63
_ALWAYS_ZERO: Final = 0b11 << 59

# include/linux/swapops.h: what a page-table marker's offset says.
MARKER_TYPE: Final = 31
MARKER_UFFD_WP: Final = 1
MARKER_POISON: Final = 2
MARKER_GUARD: Final = 4
# include/linux/swap.h without CONFIG_DEVICE_PRIVATE; with it these four stand four lower, and device pages between.
_MIGRATION_TYPES: Final = range(28, 31)
_HWPOISON_TYPE: Final = 27
_DEVICE_PRIVATE_SHIFT: Final = 4


@dataclass(frozen=True, slots=True)
class Bit:
    """One field of an entry: the bits it takes (lowest first), its name, and the kernel that brought it."""

    low: int
    high: int
    name: str
    since: str
    meaning: str


BITS: Final = (
    Bit(63, 63, "present", "2.6.25", "the page is in memory and its page-table entry points at it"),
    Bit(62, 62, "swap", "2.6.25", "a page-table entry that is neither present nor empty: swap, or a special type"),
    Bit(61, 61, "file", "3.5", "a file page or shared memory, not a private anonymous page"),
    Bit(59, 60, "zero", "-", "always zero"),
    Bit(58, 58, "guard", "6.15", "part of a guard region: touching it raises SIGSEGV"),
    Bit(57, 57, "uffd-wp", "5.13", "write-protected through userfaultfd"),
    Bit(56, 56, "exclusive", "4.2", "mapped exactly once"),
    Bit(55, 55, "soft-dirty", "3.11", "written since soft-dirty was last cleared; needs CONFIG_MEM_SOFT_DIRTY"),
    Bit(0, 54, "PFN", "2.6.25", "page frame number if present; bits 0-4 swap type and 5-54 swap offset if bit 62"),
)


class SwapKind(Enum):
    """What bit 62 really stands for, told by the swap type."""

    SWAP = "swap"
    MIGRATION = "migration"
    HWPOISON = "hwpoison"
    UFFD_WP = "uffd-wp"
    POISON = "poison"
    GUARD = "guard"
    DEVICE = "device"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One decoded entry.

    `pfn`, `swap_type` and `swap_offset` are None where the entry has none and where the kernel hides it
    from this user (it then writes 0, which is never shown as a number).
    """

    word: int
    present: bool
    swapped: bool
    pfn: int | None
    swap_type: int | None
    swap_offset: int | None
    file: bool
    exclusive: bool
    soft_dirty: bool
    uffd_wp: bool
    guard: bool


def decode(word: int, *, pfn_visible: bool = True) -> Entry:
    """Take an entry apart.

    Args:
        word: The 64-bit entry.
        pfn_visible: Whether the kernel shows PFNs and swap slots to who opened the pagemap (`probe.visibility`).
    """
    present = bool(word & PRESENT)
    swapped = bool(word & SWAP)
    low = word & PFN_MASK
    slot = swapped and not present and pfn_visible
    return Entry(
        word=word,
        present=present,
        swapped=swapped,
        pfn=low if present and pfn_visible else None,
        swap_type=low & SWAP_TYPE_MASK if slot else None,
        swap_offset=low >> SWAP_TYPE_BITS if slot else None,
        file=bool(word & FILE),
        exclusive=bool(word & EXCLUSIVE),
        soft_dirty=bool(word & SOFT_DIRTY),
        uffd_wp=bool(word & UFFD_WP),
        guard=bool(word & GUARD),
    )


def swap_kind(word: int, *, pfn_visible: bool = True, swap_files: int = 0) -> SwapKind:
    """What the non-present, non-empty entry `word` (bit 62) stands for.

    Real swap files take low types in the order of swapon, so a type below the rows of /proc/swaps is swap; the types
    above the last possible swap file are special. Unprivileged readers see type 0 and offset 0: guard and uffd-wp
    markers are then known by bits 58 and 57 alone, and everything else looks like swap.

    Args:
        word: An entry with bit 62.
        pfn_visible: Whether swap type and offset are shown to this user.
        swap_files: Rows of /proc/swaps.
    """
    if word & GUARD:
        return SwapKind.GUARD
    if not pfn_visible:
        return SwapKind.UFFD_WP if word & UFFD_WP else SwapKind.SWAP
    kind = word & SWAP_TYPE_MASK
    if kind == MARKER_TYPE:
        return _marker((word & PFN_MASK) >> SWAP_TYPE_BITS)
    if kind < swap_files or kind < _HWPOISON_TYPE - _DEVICE_PRIVATE_SHIFT:
        # Below the lowest possible special type only swap files stand, also where an earlier one was swapped off.
        return SwapKind.SWAP
    if kind in _MIGRATION_TYPES:
        return SwapKind.MIGRATION
    if kind == _HWPOISON_TYPE:
        return SwapKind.HWPOISON
    if kind + _DEVICE_PRIVATE_SHIFT in _MIGRATION_TYPES:
        return SwapKind.MIGRATION
    return SwapKind.HWPOISON if kind + _DEVICE_PRIVATE_SHIFT == _HWPOISON_TYPE else SwapKind.DEVICE


def _marker(offset: int) -> SwapKind:
    if offset & MARKER_GUARD:
        return SwapKind.GUARD
    if offset & MARKER_POISON:
        return SwapKind.POISON
    return SwapKind.UFFD_WP if offset & MARKER_UFFD_WP else SwapKind.UNKNOWN


def is_plausible(word: int) -> bool:
    """Whether the word is one the kernel can write: bits 59-60 clear, no PFN without bit 62 or 63."""
    if word & _ALWAYS_ZERO:
        return False
    return bool(word & (PRESENT | SWAP)) or not word & PFN_MASK
