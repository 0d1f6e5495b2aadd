"""What a window policy is: a plan for each miss, from arithmetic over an address space alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from pagemap.entry import ENTRY_BYTES
from pagemap.errors import UnknownPolicyError
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from pagemap.vma import AddressSpace

BLOCK: Final = 2 << 20
"""Bytes that one page of page-table entries maps on x86-64: the natural unit of a page walk."""
BUDGET: Final = 64 << 20
"""Bytes of entries that one window may take at most, whatever the policy and the target."""
MAX_WINDOW: Final = BUDGET // ENTRY_BYTES * PAGE_SIZE
"""The same in bytes of address space (32 GiB)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The window to read, and why.

    Attributes:
        start: First address, page-aligned.
        end: First address after it.
        why: How the policy came to it, in one sentence.
        low: The same window before it was trimmed to mapped pages, where the policy trims.
        high: Likewise.
    """

    start: int
    end: int
    why: str
    low: int = 0
    high: int = 0


class Policy(ABC):
    """What to read on a miss.

    Args:
        window_size: Bytes of address space that one window is made for; None takes the policy's own.
        windows: How many windows are held at once; None takes the policy's own.

    Raises:
        UnknownPolicyError: The policy has no such setting, or the value makes no sense.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    default_window_size: ClassVar[int | None] = None
    default_windows: ClassVar[int] = 1
    whole_vma: ClassVar[bool] = False
    """Whether a lookup is a hit only if the window holds the page's whole VMA (CRIU)."""
    regions: ClassVar[bool] = False
    """Whether a fill takes regions from PAGEMAP_SCAN instead of entries; entries of looked-up pages come by pread."""

    def __init__(self, window_size: int | None = None, windows: int | None = None) -> None:
        if window_size is not None:
            self._check_window_size(window_size)
        if windows is not None and not 1 <= windows <= 1 << 16:
            raise UnknownPolicyError(f"bad number of windows: {windows}", "it must be from 1 to 65,536")
        self.window_size = window_size or self.default_window_size
        self.windows = windows or self.default_windows

    def _check_window_size(self, size: int) -> None:
        if self.default_window_size is None:
            raise UnknownPolicyError(f"policy {self.name} has no window size", "its windows follow from the VMAs")
        if size < PAGE_SIZE or size & (size - 1) or size > MAX_WINDOW:
            raise UnknownPolicyError(
                f"bad window size: {size}", f"it must be a power of two from {PAGE_SIZE} to {MAX_WINDOW} bytes"
            )

    @abstractmethod
    def plan(self, space: AddressSpace, address: int, limit: int, previous: Plan | None = None) -> Plan:
        """The window to read for a miss at `address`.

        Args:
            space: The VMAs.
            address: A page-aligned address inside a VMA and below `limit`.
            limit: First address that pagemap does not cover.
            previous: The plan of the fill before, None at the first.

        Returns:
            A window that holds `address`, begins and ends on a page, and ends at `limit` at the latest.
        """

    @property
    def key(self) -> tuple[str, int | None, int]:
        """Name and settings: what tells one configured policy from another."""
        return (self.name, self.window_size, self.windows)


def kib(size: int) -> str:
    """Bytes of whole pages as KiB or MiB, for the sentences."""
    return f"{size >> 20:,} MiB" if size >= 1 << 20 and not size % (1 << 20) else f"{size >> 10:,} KiB"
