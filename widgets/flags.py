"""An entry's flag bits as letters: the same on the screen and in text output, so it imports no Textual."""

from __future__ import annotations

from typing import Final

from pagemap import entry as bits

_FLAGS: Final = (
    (bits.PRESENT, "P"),
    (bits.SWAP, "S"),
    (bits.FILE, "F"),
    (bits.EXCLUSIVE, "X"),
    (bits.SOFT_DIRTY, "D"),
    (bits.UFFD_WP, "W"),
    (bits.GUARD, "G"),
)


def flags(word: int) -> str:
    """The entry's flag bits as letters, a dot for each that is clear."""
    return "".join(letter if word & mask else "." for mask, letter in _FLAGS)
