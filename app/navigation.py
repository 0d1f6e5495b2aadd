"""Where a person wants to go: an address, or the name of a VMA, as typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pagemap.errors import NotMappedError, UsageError
from pagemap.vma_select import select

if TYPE_CHECKING:
    from pagemap.vma import AddressSpace

_ADDRESS: Final = re.compile(r"(0x)?[0-9a-f_]*[0-9a-f][0-9a-f_]*", re.IGNORECASE)


def find_row(space: AddressSpace, text: str) -> int:
    """The row that a person means.

    Args:
        space: The VMAs.
        text: A hexadecimal address, with or without `0x`, or a part of a VMA's name.

    Raises:
        NotMappedError: The address lies in no VMA; it says which are next to it.
        UsageError: Neither an address nor a name that any VMA has.
    """
    text = text.strip()
    # Not by trying int(), which takes signs and the digits of every script.
    if not _ADDRESS.fullmatch(text):
        return _named(space, text)
    address = int(text.replace("_", ""), 16)
    row = space.row_of(address)
    if row is None:
        raise NotMappedError(f"{address:#x} is in no VMA", neighbours(space, address))
    return row


def _named(space: AddressSpace, text: str) -> int:
    indexes = select(space, text) if text else None
    if not indexes:
        raise UsageError(f"{text!r} is no hexadecimal address and no VMA's name")
    return space.row_of_vma(indexes[0])


def neighbours(space: AddressSpace, address: int) -> str:
    """Which VMAs lie next to an address that is in none."""
    after = space.first_starting_at(address)
    parts = []
    if after:
        parts.append(f"the one before ends at {space.ends[after - 1]:#x}")
    if after < len(space):
        parts.append(f"the next begins at {space.starts[after]:#x}")
    return ", ".join(parts)
